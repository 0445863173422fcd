#include "unit/unit.h"

#include "base/hash.h"

/* What TensorFlow 2.21's StringToHashBucketFast, -Strong (key 0x0123456789abcdef, -5) and the plain one give for
 * 2^63 - 1 buckets and n bytes (7 i + n) mod 251. */
static void hashes_are_those_of_tensorflow(void **state) {
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(hashes_are_those_of_tensorflow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
