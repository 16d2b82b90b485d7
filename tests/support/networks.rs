//! A small network for every word of the language, for every way that words meet, and for every block of the library, as
//! `network!` makes them.

use nnc::runtime::program::Program;

macro_rules! programs {
    ($($network:ident)*) => { vec![$($network::new(0).model().program()),*] };
}

/// Every word of the language.
pub(crate) mod words {
    use super::Program;

    nnc::network!("tests/networks/words.nn");

    pub(crate) fn all() -> Vec<&'static Program> {
        programs![
            Conv ConvLine ConvVolume Dwconv DwconvOther Deconv DeconvOther Linear Norms NormsOfVector
            NormsOther Lrn Rectifiers Squashers AlongChannels Pools PoolsOther AvgPools AvgPoolsOther
            Upsample Shuffles Borders Parts Randoms
        ]
    }
}

/// Every way that words meet.
pub(crate) mod structure {
    use super::Program;

    nnc::network!("tests/networks/structure.nn");

    pub(crate) fn all() -> Vec<&'static Program> {
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

/// Every block of the library.
pub(crate) mod library {
    use super::Program;

    nnc::network!("tests/networks/library.nn");

    pub(crate) fn all() -> Vec<&'static Program> {
        programs![
            Excited Convolved Basic Bottlenecks Projected RegNet ConvNeXt Separable Inverted Mobile
            Shuffled Dense Fire Inception UNetParts
        ]
    }
}
