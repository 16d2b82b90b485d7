//! The macro `network!`: programs that must compile and run, and mistakes with their exact errors.
//!
//! `TRYBUILD=overwrite` rewrites the expected errors.

#[test]
fn right_programs_run_and_wrong_ones_say_why() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/macro/pass/*.rs");
    cases.compile_fail("tests/macro/fail/*.rs");
}
