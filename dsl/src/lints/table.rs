//! The one table of lints: group, name, and the function that finds it.
//!
//! A lint's page lies in `pages/NAME.md`: its title, the reason, the source, a text in which it fires
//! (`nn wrong`) and one in which it does not (`nn mended`). Tests check both texts.

use super::{Check, Group, Lint};
use super::{activations, branches, design, dropout, norms, sizes, text, training, windows};

macro_rules! lints {
    ($($group:ident $name:literal $kind:ident $check:path;)*) => {
        &[$(Lint {
            name: $name,
            group: Group::$group,
            page: include_str!(concat!("pages/", $name, ".md")),
            check: Check::$kind($check),
        }),*]
    };
}

/// All lints, by group.
pub static LINTS: &[Lint] = lints! {
    Correctness "batch-norm-of-one-value" Model norms::batch_norm_of_one_value;
    Correctness "constant-weights" Model training::constant_weights;
    Correctness "nothing-to-learn" Model training::nothing_to_learn;
    Correctness "softmax-over-one-class" Model activations::softmax_over_one_class;

    Suspicious "activation-after-activation" Model activations::activation_after_activation;
    Suspicious "activation-before-loss" Model activations::activation_before_loss;
    Suspicious "alpha-dropout-without-selu" Model activations::alpha_dropout_without_selu;
    Suspicious "batch-exceeds-memory" Model sizes::batch_exceeds_memory;
    Suspicious "dead-branch" Model branches::dead_branch;
    Suspicious "dropout-at-output" Model dropout::dropout_at_output;
    Suspicious "dropout-before-batch-norm" Model dropout::dropout_before_batch_norm;
    Suspicious "dropped-border" Model windows::dropped_border;
    Suspicious "frozen-after-learning" Model training::frozen_after_learning;
    Suspicious "hidden-softmax" Model activations::hidden_softmax;
    Suspicious "mirrored-digits" Model training::mirrored_digits;
    Suspicious "no-activation-between" Model activations::no_activation_between;
    Suspicious "norm-after-norm" Model norms::norm_after_norm;
    Suspicious "norm-at-output" Model norms::norm_at_output;
    Suspicious "relu-on-input" Model activations::relu_on_input;
    Suspicious "relu-on-residual" Model branches::relu_on_residual;
    Suspicious "same-value-twice" Model branches::same_value_twice;
    Suspicious "saturating-hidden-layers" Model activations::saturating_hidden_layers;
    Suspicious "selu-with-dropout" Model activations::selu_with_dropout;
    Suspicious "selu-without-lecun" Model activations::selu_without_lecun;
    Suspicious "small-batch" Model norms::small_batch;
    Suspicious "stochastic-depth-outside-residual" Model dropout::stochastic_depth_outside_residual;
    Suspicious "stride-larger-than-window" Model windows::stride_larger_than_window;
    Suspicious "strided-pointwise" Model windows::strided_pointwise;
    Suspicious "strong-crop" Model training::strong_crop;
    Suspicious "strong-label-smoothing" Model training::strong_label_smoothing;
    Suspicious "strong-weight-decay" Model training::strong_weight_decay;
    Suspicious "unpadded-among-padded" Model windows::unpadded_among_padded;
    Suspicious "unused-definition" Text text::unused_definition;
    Suspicious "unused-import" Text text::unused_import;
    Suspicious "unused-input" Model branches::unused_input;
    Suspicious "unused-name" Text text::unused_name;
    Suspicious "unused-value" Text text::unused_value;
    Suspicious "unusual-learning-rate" Model training::unusual_learning_rate;
    Suspicious "unusual-momentum" Model training::unusual_momentum;
    Suspicious "window-in-padding" Model windows::window_in_padding;

    Style "batch-norm-after-activation" Model norms::batch_norm_after_activation;
    Style "batch-norm-with-selu" Model activations::batch_norm_with_selu;
    Style "bias-before-batch-norm" Model norms::bias_before_batch_norm;
    Style "dilated-point" Model windows::dilated_point;
    Style "dropout-before-pooling" Model dropout::dropout_before_pooling;
    Style "dropout-on-input" Model dropout::dropout_on_input;
    Style "groups-equal-to-channels" Model windows::groups_equal_to_channels;
    Style "needless-identity" Text text::needless_identity;
    Style "needless-repeat" Text text::needless_repeat;
    Style "nested-residual" Text text::nested_residual;
    Style "no-downsampling" Model design::no_downsampling;
    Style "norm-on-shortcut" Model branches::norm_on_shortcut;
    Style "pool-after-every-convolution" Model design::pool_after_every_convolution;
    Style "pool-after-pool" Model windows::pool_after_pool;
    Style "pooling-of-one" Model windows::pooling_of_one;
    Style "unmixed-groups" Model windows::unmixed_groups;
    Style "unusual-dropout-rate" Model dropout::unusual_dropout_rate;

    Pedantic "batch-norm-after-dropout" Model dropout::batch_norm_after_dropout;
    Pedantic "checkerboard" Model windows::checkerboard;
    Pedantic "dropout-on-map" Model dropout::dropout_on_map;
    Pedantic "even-window" Model windows::even_window;
    Pedantic "flatten-of-large-map" Model sizes::flatten_of_large_map;
    Pedantic "growing-width" Model design::growing_width;
    Pedantic "large-window" Model windows::large_window;
    Pedantic "nonzero-last-gamma" Model branches::nonzero_last_gamma;
    Pedantic "parameters-in-one-layer" Model sizes::parameters_in_one_layer;
    Pedantic "shrinking-channels" Model design::shrinking_channels;
    Pedantic "shrinking-window" Model design::shrinking_window;
    Pedantic "small-receptive-field" Model design::small_receptive_field;
    Pedantic "squared-error-after-sigmoid" Model training::squared_error_after_sigmoid;
    Pedantic "strided-downsampling" Model design::strided_downsampling;
    Pedantic "uneven-batch" Model sizes::uneven_batch;
    Pedantic "uneven-channels" Model sizes::uneven_channels;
    Pedantic "uneven-stages" Model design::uneven_stages;
};
