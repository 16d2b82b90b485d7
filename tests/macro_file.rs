//! `network!` with a path: networks from files, with parameters given in the call; and networks that use
//! other files.

mod shipped {
    nnc::network!(pub "examples/digits.nn");
}

macro_rules! from_file {
    ($path:literal) => {
        nnc::network!($path, width = 2 * 3);
    };
}
from_file!("tests/macro/wide.nn");
nnc::network!("tests/macro/importing.nn");
nnc::network! {
    use "tests/macro/parts/blocks.nn"
    Inline<1x8x8 -> 2> { twice 4 gap linear 2 }
}

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

#[test]
fn files_use_files_and_calls_do() -> Result<(), nnc::Error> {
    let (mut file, mut call) = (Importing::new(3), Inline::new(3));
    assert_eq!(file.predict(&[0.5; 64])?, call.predict(&[0.5; 64])?);
    // A checkpoint says what was trained, the blocks of other files included.
    let path = std::env::temp_dir().join(format!("nnc-imports-{}.safetensors", std::process::id()));
    call.save(&path)?;
    let saved = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    std::fs::remove_file(&path).unwrap();
    for block in ["network Inline", "block twice", "block normed"] {
        assert!(saved.contains(block), "{block}");
    }
    Ok(())
}
