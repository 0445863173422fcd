#include "unit/unit.h"

#include "base/hash.h"

/* Byte i of a text of n bytes is (7 i + n) mod 256; the values are those of tf.fingerprint and
 * tf.strings.to_hash_bucket_fast. */
static void fingerprints_are_those_of_tensorflow(void **state) {
    (void)state;
    static const struct {
        size_t size;
        uint64_t value;
    } cases[] = {
        {1, 0x47a24c13b17e583e},   {2, 0xf0c23b32303a63c2},   {3, 0x40b4412e33eefd64},   {4, 0xc107ef4cfd78de68},
        {7, 0xef296bc3f2781108},   {8, 0xaf3c2feaecfb8228},   {12, 0xc6c812f1d8583338},  {16, 0x8935c33c50c919d8},
        {17, 0xeb5e445e8ed8468f},  {24, 0x5a2808eca044a527},  {32, 0x37679234ee53fb79},  {33, 0xace067ceef8b7acd},
        {48, 0x5aab4dbfabd61f8e},  {64, 0x99cef40b2c6f98ec},  {65, 0x062c410b763bef3d},  {127, 0x523ebfd89d1c476c},
        {128, 0xdbceebb7b5db6dc9}, {129, 0x4651ad82f97e3ac7}, {200, 0x02cf7f5990a1b14f}, {1000, 0xc3d452cfc7712240},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t text[1001];
        for (int shift = 0; shift < 2; shift++) { /* at any alignment */
            for (size_t k = 0; k < cases[i].size; k++) text[k + shift] = (uint8_t)(k * 7 + cases[i].size);
            assert_int_equal(hash_fingerprint64(bytes_make(text + shift, cases[i].size)), cases[i].value);
        }
    }
    assert_int_equal(hash_fingerprint64((bytes){0}) % INT64_MAX, 1936946117179621456);
}

/* As tf.sparse.cross_hashed with this hash key does for one text. */
static void mixed_fingerprints_are_those_of_tensorflow(void **state) {
    (void)state;
    assert_int_equal(hash_fingerprint_concat64(12345, hash_fingerprint64(bytes_of("a"))), 0xb218b3080ff88199);
    assert_int_equal(hash_fingerprint_concat64(12345, hash_fingerprint64(bytes_of("hello"))), 0x2be99e7751b118e3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints_are_those_of_tensorflow),
        cmocka_unit_test(mixed_fingerprints_are_those_of_tensorflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
