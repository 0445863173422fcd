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

/* What TensorFlow 2.21's StringToHashBucketFast, -Strong (key 0x0123456789abcdef, -5) and the plain one give for
 * 2^63 - 1 buckets and n bytes (7 i + n) mod 251. */
static void buckets_are_those_of_tensorflow(void **state) {
    (void)state;
    static const struct {
        size_t n;
        uint64_t fast, strong, plain;
    } cases[] = {
        {0, UINT64_C(1936946117179621456), UINT64_C(5133484985258436364), UINT64_C(105434511174508092)},
        {1, UINT64_C(5161771770385946686), UINT64_C(6616973935590210956), UINT64_C(2499542889307245882)},
        {3, UINT64_C(4662423180930907492), UINT64_C(2185783945417073239), UINT64_C(5276484929406308779)},
        {5, UINT64_C(354860337138489181), UINT64_C(5390368611690050635), UINT64_C(7677903343426989680)},
        {9, UINT64_C(6666536159313721943), UINT64_C(9064715090335024122), UINT64_C(3746856902379459177)},
        {17, UINT64_C(7736696382783243920), UINT64_C(1423295610163994708), UINT64_C(3561695271940059065)},
        {20, UINT64_C(8951136463848462694), UINT64_C(8692374464650319850), UINT64_C(6541924609554911513)},
        {33, UINT64_C(5910987537513190125), UINT64_C(7259836285696805705), UINT64_C(6283593275022662552)},
        {50, UINT64_C(6176687305243406942), UINT64_C(2274939485670622716), UINT64_C(2773088732060145836)},
        {64, UINT64_C(496021707010269991), UINT64_C(8437028431502916999), UINT64_C(6806005066721647517)},
        {65, UINT64_C(3209512396189334845), UINT64_C(643119670612445973), UINT64_C(7132977579483855153)},
        {128, UINT64_C(637281534562233925), UINT64_C(6771755241843210404), UINT64_C(1588978728133749899)},
        {130, UINT64_C(5368440827099597674), UINT64_C(7379870243567208037), UINT64_C(6084002381133081707)},
        {200, UINT64_C(6284647214816740142), UINT64_C(8450327951497849872), UINT64_C(4015088224781339633)},
    };
    const uint64_t key[2] = {UINT64_C(0x0123456789abcdef), (uint64_t)-5};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[256];
        for (size_t j = 0; j < cases[i].n; j++) data[j] = (uint8_t)((j * 7 + cases[i].n) % 251);
        bytes text = bytes_make(data, cases[i].n);
        assert_true(hash_fingerprint64(text) % INT64_MAX == cases[i].fast);
        assert_true(hash_siphash(key, text) % INT64_MAX == cases[i].strong);
        assert_true(hash_murmur64(text) % INT64_MAX == cases[i].plain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints_are_those_of_tensorflow),
        cmocka_unit_test(buckets_are_those_of_tensorflow),
        cmocka_unit_test(mixed_fingerprints_are_those_of_tensorflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
