//! The networks, as `network!` makes them.

use nnc::runtime::program::Program;

macro_rules! programs {
    ($($network:ident)*) => { vec![$($network::new(0).model().program()),*] };
}

/// Those of the benchmarks; they classify maps or vectors.
pub(crate) mod timed {
    use super::Program;

    nnc::network!("benches/networks/vgg32.nn");
    nnc::network!("benches/networks/seed224.nn");
    nnc::network!("benches/networks/mlp.nn");
    nnc::network!("benches/networks/resnet20.nn");
    nnc::network!("benches/networks/lenet.nn");
    nnc::network!("benches/networks/resnet18.nn");

    pub(crate) fn all() -> Vec<&'static Program> {
        programs![Vgg32 Seed224 Mlp ResNet20 LeNet ResNet18]
    }
}

/// The embedded example.
pub(crate) mod digits {
    use super::Program;

    nnc::network!("examples/digits.nn");

    pub(crate) fn program() -> &'static Program {
        Digits::new(0).model().program()
    }
}

mod words {
    use super::Program;

    nnc::network!("tests/networks/words.nn");

    pub(super) fn all() -> Vec<&'static Program> {
        programs![
            Conv ConvLine ConvVolume Dwconv DwconvOther Deconv DeconvOther Linear Norms NormsOfVector
            NormsOther Lrn Rectifiers Squashers AlongChannels Pools PoolsOther AvgPools AvgPoolsOther
            Upsample Shuffles Borders Parts Randoms
        ]
    }
}

mod structure {
    use super::Program;

    nnc::network!("tests/networks/structure.nn");

    pub(super) fn all() -> Vec<&'static Program> {
        programs![
            ActivationChain ActivationFirst Channels Linears FlattenInput FlattenOutput Epilogues Volume
            Line Softmax Attention BatchNorm BatchNormRelu BatchNormAfterLinear BatchNormAfterBias
            BatchNormAfterGroups BatchNormAfterDeconv BatchNormFirst BatchNormLast BatchNormAfterPool
            BatchNormAfterActivation BatchNormTwice OtherNorms MaxPoolAfterRelu MaxPoolFirst
            AvgPoolFused ConcatIdentity ConcatVectors ConcatNorm ConcatVolume Add AddSame MulMaps
            MulChannels MulChannelsMap MulPositions MulBoth MulVectors MulLine MulSame Residual
            ResidualNorm ResidualShortcut ResidualPooled ResidualNested ResidualScaled PreActivation
            DenseBlock Dropout DropoutOfMap DropoutInResidual RandomKinds Taps TapsOfJoins UNet Ports
            OutputsInARow OneInputTwice Siamese SharedInARow SharedShapes Frozen FrozenLast Initial
            Conditions OwnActivation Inner Outer Regression Absolute Huber HuberDelta Binary
            Segmentation Weighted Smoothed SegmentationWeighted
        ]
    }
}

mod library {
    use super::Program;

    nnc::network!("tests/networks/library.nn");

    pub(super) fn all() -> Vec<&'static Program> {
        programs![
            Excited Convolved Basic Bottlenecks Projected RegNet ConvNeXt Separable Inverted Mobile
            Shuffled Dense Fire Inception UNetParts
        ]
    }
}

/// Small networks that hold every word, structure and block.
pub(crate) fn small() -> Vec<&'static Program> {
    [words::all(), structure::all(), library::all(), vec![digits::program()]].concat()
}
