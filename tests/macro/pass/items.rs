//! Named networks beside each other, with blocks, a `train` section and doc comments.

mod models {
    nnc::network! {
        block cbr(c) { conv3 (c) bn relu } // a comment
        /// Digits of 8x8 pixels.
        pub Digits(width = 4)<1x8x8 -> 10> {
            cbr (width) cbr (2*width) pool2
            residual { cbr (2*width) conv3 (2*width) } shortcut { conv1 (2*width) }
            -> 8x4x4
            gap linear 10
        }
        network Regression<4 -> 2> { linear 8 tanh linear 2 }
        train Regression { loss mse optimizer adam lr=1e-2 batch 16 }
    }

    pub fn regression() -> Regression {
        Regression::new(1)
    }
}

use models::Digits;

fn main() -> Result<(), nnc::Error> {
    assert_eq!((Digits::INPUT, Digits::OUTPUT), ([1, 8, 8], [10]));
    let mut digits = Digits::new(0);
    let images = vec![0.25; 3 * 64];
    let report = digits.train_step(&images, &[1, 2, 3])?;
    assert!(report.loss.is_finite() && report.samples == 3);
    assert_eq!(digits.predict(&images)?.len(), 30);

    let mut regression = models::regression();
    let report = regression.train_step(&[0.5; 8], &[0.0; 4])?;
    assert!(report.loss.is_finite());

    let path = std::env::temp_dir().join(format!("nnc-macro-{}.safetensors", std::process::id()));
    digits.save(&path)?;
    let mut again = Digits::load(&path)?;
    assert_eq!(again.predict(&images)?, digits.predict(&images)?);
    std::fs::remove_file(&path).unwrap();
    Ok(())
}
