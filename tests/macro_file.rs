//! `network!` with a path: networks from files, with parameters given in the call.

mod shipped {
    nnc::network!(pub "examples/digits.nn");
}

nnc::network!("tests/macro/wide.nn", width = 2 * 3);

#[test]
fn files_become_types() -> Result<(), nnc::Error> {
    assert_eq!((shipped::Digits::INPUT, shipped::Digits::OUTPUT), ([1, 8, 8], [10]));
    assert_eq!(shipped::Digits::new(0).predict(&[0.0; 64])?.len(), 10);
    Ok(())
}

#[test]
fn parameters_take_the_values_of_the_call() -> Result<(), nnc::Error> {
    assert_eq!(Wide::PARAMETERS, 4 * 6 + 6 + 6 * 2 + 2);
    assert_eq!(Wide::new(0).predict(&[0.0; 4])?.len(), 2);
    Ok(())
}
