/*
 * A Criterion program that leaks, on purpose. Under AddressSanitizer it must fail; Criterion 2.4.1 lets it pass unless
 * ASAN_OPTIONS says abort_on_error=1, and then no test of ours would show a leak. See the script leak_canary.
 */
#include <criterion/criterion.h>

static void *volatile hidden;

Test(leak_canary, leaks)
{
    hidden = malloc(4242);
    cr_assert_not_null(hidden);
    hidden = NULL;
}
