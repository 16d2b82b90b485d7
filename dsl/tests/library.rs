//! The standard library: every block checks in a small network and has the parameters that it should.

use nnc_dsl::library::{LIBRARY, names};
use nnc_dsl::syntax::parse;
use nnc_dsl::words::{Found, find};
use nnc_dsl::{Entry, Options, ast, check, parameter_count};

/// The output shape and the parameters of a body after a value of this shape.
fn counted(input: &str, body: &str, output: &str) -> usize {
    let text = format!("network N<{input} -> {output}> {{ {body} }}");
    let outcome = check(&text, Entry::File, &Options::default());
    let errors: Vec<_> = outcome.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert!(errors.is_empty(), "{text}: {errors:?}");
    parameter_count(&outcome.models[0].body)
}

const BN: fn(usize) -> usize = |channels| 2 * channels;

fn conv(window: usize, inputs: usize, outputs: usize) -> usize {
    window * window * inputs * outputs
}

#[test]
fn attention() {
    assert_eq!(counted("32x8x8", "se", "32x8x8"), 32 * 2 + 2 + 2 * 32 + 32);
    assert_eq!(counted("32x8x8", "se 8 silu=true", "32x8x8"), 32 * 8 + 8 + 8 * 32 + 32);
    // The two layers are shared; the positions have a convolution of two channels and a norm of one.
    assert_eq!(counted("32x8x8", "cbam", "32x8x8"), 32 * 2 + 2 + 2 * 32 + 32 + conv(7, 2, 1) + BN(1));
}

#[test]
fn residual_blocks() {
    let basic = |from, to| conv(3, from, to) + conv(3, to, to) + 2 * BN(to);
    assert_eq!(counted("16x8x8", "basic_block 16", "16x8x8"), basic(16, 16));
    let projected = basic(16, 32) + conv(1, 16, 32) + BN(32);
    assert_eq!(counted("16x8x8", "basic_block 32 stride=2", "32x4x4"), projected);
    // Layer 1, block 0 of torchvision's resnet50.
    assert_eq!(counted("64x8x8", "bottleneck 64", "256x8x8"), 75_008);
    // Layer 1, block 0 of torchvision's resnext50_32x4d.
    assert_eq!(counted("64x8x8", "bottleneck 64 mid=128 groups=32", "256x8x8"), 63_488);
    let bare = |from, to| BN(from) + conv(3, from, to) + BN(to) + conv(3, to, to);
    assert_eq!(counted("16x8x8", "preact_block 16", "16x8x8"), bare(16, 16));
    assert_eq!(counted("16x8x8", "preact_block 32 2", "32x4x4"), bare(16, 32) + conv(1, 16, 32));
    let regnet = conv(1, 32, 48) + conv(3, 8, 48) + conv(1, 48, 48) + 3 * BN(48);
    let squeeze = 48 * 8 + 8 + 8 * 48 + 48;
    let way = conv(1, 32, 48) + BN(48);
    assert_eq!(counted("32x8x8", "regnet_y 48 stride=2 group_width=8", "48x4x4"), regnet + squeeze + way);
    // A block of 96 channels of torchvision's convnext_tiny.
    assert_eq!(counted("96x8x8", "convnext_block 0.1", "96x8x8"), 79_296);
}

#[test]
fn mobile_blocks() {
    assert_eq!(counted("16x8x8", "sepconv 32", "32x8x8"), 9 * 16 + 16 * 32 + 32);
    // features[1] and features[2] of torchvision's mobilenet_v2.
    assert_eq!(counted("32x8x8", "inverted_residual 16 expand=1", "16x8x8"), 896);
    assert_eq!(counted("16x8x8", "inverted_residual 24 stride=2", "24x4x4"), 5_136);
    // features[1][0] and features[2][0] of torchvision's efficientnet_b0.
    assert_eq!(counted("32x8x8", "mbconv 16 expand=1", "16x8x8"), 1_448);
    assert_eq!(counted("16x8x8", "mbconv 24 stride=2", "24x4x4"), 6_004);
    let half = conv(1, 16, 16) + 9 * 16 + conv(1, 16, 16) + 3 * BN(16);
    assert_eq!(counted("32x8x8", "shuffle_unit 32", "32x8x8"), half);
    let both =
        9 * 24 + BN(24) + conv(1, 24, 16) + BN(16) + conv(1, 24, 16) + 9 * 16 + conv(1, 16, 16) + 3 * BN(16);
    assert_eq!(counted("24x8x8", "shuffle_unit 32 stride=2", "32x4x4"), both);
}

#[test]
fn concatenating_blocks() {
    let layer = |from| BN(from) + conv(1, from, 128) + BN(128) + conv(3, 128, 32);
    assert_eq!(counted("64x8x8", "dense_layer", "96x8x8"), layer(64));
    assert_eq!(
        counted("64x8x8", "dense_block 2 transition", "64x4x4"),
        layer(64) + layer(96) + BN(128) + 128 * 64
    );
    // features[3] of torchvision's squeezenet1_0.
    assert_eq!(counted("96x8x8", "fire 16 64", "128x8x8"), 11_920);
    // inception3a of torchvision's googlenet, without the biases that its batch norm replaces.
    let expected = 192 * 64 + 192 * 96 + conv(3, 96, 128) + 192 * 16 + conv(3, 16, 32) + 192 * 32;
    let norms = BN(64 + 96 + 128 + 16 + 32 + 32);
    assert_eq!(counted("192x8x8", "inception 64 96 128 16 32 32", "256x8x8"), expected + norms);
}

#[test]
fn parts_of_a_u() {
    let body = "double_conv 8 as fine unet_down 16 unet_up concat fine double_conv 8 conv1 2";
    let double = |from, to| conv(3, from, to) + conv(3, to, to) + 2 * BN(to);
    let expected = double(1, 8) + double(8, 16) + (4 * 16 * 8 + 8) + double(16, 8) + (8 * 2 + 2);
    assert_eq!(counted("1x16x16", body, "2x16x16"), expected);
}

#[test]
fn the_table_names_what_the_files_define() {
    for part in LIBRARY {
        let (module, found) = parse(part.text, Entry::File);
        assert_eq!(found, [], "{}", part.file);
        let defined: Vec<&str> = module
            .items
            .iter()
            .map(|item| match item {
                ast::Item::Block(block) => block.name.value.as_str(),
                other => panic!("{} has more than blocks: {other:?}", part.file),
            })
            .collect();
        assert_eq!(defined, part.blocks, "{}", part.file);
    }
    for name in names() {
        assert!(matches!(find(name), Found::Nothing), "`{name}` is a word");
        assert_eq!(names().filter(|other| *other == name).count(), 1, "{name}");
    }
}

#[test]
fn a_text_may_define_a_name_of_the_library() {
    let text = "block se() { relu } network N<16x8x8 -> 16x8x8> { se mbconv 16 }";
    let outcome = check(text, Entry::File, &Options::default());
    assert_eq!(outcome.models[0].body.steps[0].text, "se");
    // The library's own blocks use the library's.
    assert!(parameter_count(&outcome.models[0].body) > 0);
    assert_eq!(outcome.models[0].body.steps[0].output.to_string(), "16x8x8");
}

#[test]
fn the_reference_tells_of_every_block() {
    let reference = nnc_dsl::library::reference();
    for name in names() {
        let row = reference.lines().find(|line| line.starts_with(&format!("| `{name}("))).expect(name);
        assert!(row.ends_with(". |"), "{row}");
    }
}
