//! Networks without a name, also through a macro of the user's own.

macro_rules! small {
    ($width:literal, $last:ident) => {
        nnc::network!(<4 -> 3> linear $width relu $last 3)
    };
}

fn main() -> Result<(), nnc::Error> {
    let mut plain = nnc::network!(<1x8x8 -> 10> conv3 8 bn relu pool2 gap linear 10);
    assert_eq!(plain.predict(&[0.0; 64])?.len(), 10);
    let mut first = small!(8, linear);
    let mut second = small!(8, linear);
    assert_eq!(first.predict(&[1.0; 4])?, second.predict(&[1.0; 4])?);
    Ok(())
}
