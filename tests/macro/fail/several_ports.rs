//! One error, not another one for each use of the type.

nnc::network! {
    Both<image: 3x8x8, meta: 4 -> class: 10, size: 2> {
        gap linear 8 as pooled
        from meta linear 8 add poled relu as both linear 10 as class
        from both linear 2 as size
    }
}

fn main() -> Result<(), nnc::Error> {
    let mut both = Both::new(0);
    let inputs: [&[f32]; 2] = [&[0.5; 192], &[1.0; 4]];
    both.train_step(inputs, [nnc::Targets::Classes(&[3]), nnc::Targets::Values(&[0.0; 2])])?;
    assert_eq!(both.predict(inputs)?[1].len(), Both::OUTPUTS[1].1[0]);
    Ok(())
}
