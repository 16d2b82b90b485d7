//! The rules against shapes that PyTorch gives for the same settings.

use super::Misfit;
use crate::model::{Layer, Shape};
use crate::words::{Call, Found, Kind, Meaning, Numbers, Setting, Word, find};

#[test]
fn convolutions() {
    fits(&[
        ("conv3 8", "3x32x32", "8x32x32"),
        ("conv3x1 8", "3x32x32", "8x32x32"),
        ("conv4 8", "3x32x32", "8x29x29"),
        ("conv3 8 stride=2", "3x32x32", "8x16x16"),
        ("conv3 8 stride=2x1", "3x32x32", "8x16x32"),
        ("conv3 8 pad=0", "3x32x32", "8x30x30"),
        ("conv3 8 pad=0x1", "3x32x32", "8x30x32"),
        ("conv7 64 stride=2", "3x224x224", "64x112x112"),
        ("conv11 64 stride=4 pad=2", "3x224x224", "64x55x55"),
        // Dilated windows reach over dilation*(window - 1) + 1 elements, and are centred by those.
        ("conv3 8 dilation=2", "3x32x32", "8x32x32"),
        ("conv2 8 dilation=2", "3x32x32", "8x32x32"),
        ("conv3 8 dilation=2 pad=0", "3x32x32", "8x28x28"),
        ("conv3 8 dilation=1x4 pad=0", "3x32x32", "8x30x24"),
        ("conv3 32 groups=16", "16x8x8", "32x8x8"),
        // One and three axes.
        ("conv3 8", "3x32", "8x32"),
        ("conv5 8 stride=2 pad=0", "3x32", "8x14"),
        ("conv3 8 stride=1x2x2", "3x16x32x32", "8x16x16x16"),
        ("conv1x3x3 8", "3x16x32x32", "8x16x32x32"),
        ("conv 8 window=5 pad=0", "3x32x32", "8x28x28"),
        ("dwconv3 stride=2", "16x9x9", "16x5x5"),
        ("dwconv5 multiplier=3", "16x9", "48x9"),
    ]);
}

#[test]
fn transposed_convolutions() {
    fits(&[
        // By default the size is multiplied by the stride.
        ("deconv2 8 stride=2", "3x7x7", "8x14x14"),
        ("deconv3 8 stride=2", "3x7x7", "8x14x14"),
        ("deconv4 8 stride=2", "3x7x7", "8x14x14"),
        ("deconv5 8 stride=3", "3x7x7", "8x21x21"),
        ("deconv1 8 stride=2", "3x7x7", "8x14x14"),
        ("deconv3 8 stride=2 dilation=2", "3x7x7", "8x14x14"),
        ("deconv3 8", "3x7x7", "8x7x7"),
        ("deconv4 8", "3x7x7", "8x10x10"),
        // nn.ConvTranspose2d(3, 8, k, stride, padding, output_padding)
        ("deconv3 8 stride=2 pad=1", "3x7x7", "8x13x13"),
        ("deconv3 8 stride=2 pad=1 output_pad=1", "3x7x7", "8x14x14"),
        ("deconv4 8 pad=0", "3x1x1", "8x4x4"),
        ("deconv3 8 stride=2 pad=0 dilation=2", "3x7x7", "8x17x17"),
        ("deconv4 8 stride=2x1 pad=1x0", "3x7x7", "8x14x10"),
        ("deconv4 8 stride=2", "3x7", "8x14"),
        ("deconv2 8 stride=2", "3x7x7x7", "8x14x14x14"),
    ]);
    let Ok((Layer::ConvTranspose { conv, output_pad }, _)) = fit("deconv3 8 stride=2x1 dilation=1", "3x7x7")
    else {
        panic!("it is one");
    };
    assert_eq!((conv.pad, output_pad), (vec![1, 1], vec![1, 0]));
}

#[test]
fn pools() {
    fits(&[
        ("pool2", "4x5x7", "4x2x3"),
        ("pool3 stride=2 pad=1", "4x8x8", "4x4x4"),
        ("pool3x2 stride=1", "4x8x8", "4x6x7"),
        ("pool2", "4x9", "4x4"),
        ("avgpool2 stride=1x2x2", "4x9x9x9", "4x8x4x4"),
        // Rounded up, but a window that would begin beyond the map and its left border is dropped.
        ("pool2 ceil=true", "4x5x7", "4x3x4"),
        ("pool3 stride=2 ceil=true", "4x112x112", "4x56x56"),
        ("pool3 stride=2 ceil=true", "4x13x14", "4x6x7"),
        ("pool2 stride=3 ceil=true", "4x3x4", "4x1x2"),
        ("pool1 stride=3 ceil=true", "4x3x4", "4x1x2"),
        ("pool2 pad=1 ceil=true", "4x2x3", "4x2x2"),
        ("avgpool2 ceil=true", "4x1x1", "4x1x1"),
        ("adaptive_pool 6", "4x13x13", "4x6x6"),
        ("adaptive_avgpool 7x5", "4x3x13", "4x7x5"),
        ("adaptive_avgpool 7", "4x13", "4x7"),
        ("gap", "4x3x13", "4"),
        ("gmp", "4x3", "4"),
        ("gap", "4x3x3x3", "4"),
    ]);
}

#[test]
fn sizes_and_shapes() {
    fits(&[
        ("upsample", "4x3x5", "4x6x10"),
        ("upsample 3", "4x3", "4x9"),
        ("upsample 1x2 mode=bilinear", "4x3x5", "4x3x10"),
        ("upsample size=7x7", "4x3x5", "4x7x7"),
        ("pixel_shuffle 2", "12x4x5", "3x8x10"),
        ("channel_shuffle 3", "12x4", "12x4"),
        ("pad 1", "3x4x4", "3x6x6"),
        ("pad 2x0", "3x4x4", "3x8x4"),
        ("pad after=1", "3x4x4", "3x5x5"),
        ("pad 1 after=2x3", "3x4x4", "3x7x8"),
        ("crop 1", "3x4x4", "3x2x2"),
        ("crop 1x0 before=0", "3x4x4", "3x3x4"),
        ("crop size=24", "3x32x32", "3x24x24"),
        ("crop size=3x2 before=1", "3x4x4", "3x3x2"),
        ("slice end=2", "3x4x4", "2x4x4"),
        ("slice 2 1", "3x4x4", "3x4x3"),
        ("slice axis=0 start=5 end=6", "8", "1"),
        ("flatten", "16x4x4", "256"),
        ("flatten", "16x4", "64"),
        ("reshape 16x4x4", "256", "16x4x4"),
        ("reshape 256", "16x4x4", "256"),
        ("permute 1x2x0", "3x4x5", "4x5x3"),
        ("permute 1x0", "3x4", "4x3"),
        ("glu", "8x4x4", "4x4x4"),
        ("glu", "8", "4"),
        ("gn 4", "8x3", "8x3"),
        ("instancenorm", "8x3x3", "8x3x3"),
        ("linear 10", "64", "10"),
    ]);
    let Ok((Layer::Crop { before }, _)) = fit("crop size=3", "3x8x7") else { panic!("it is one") };
    assert_eq!(before, [2, 2]);
}

#[test]
fn windows_must_fit() {
    misfits(&[
        (
            "pool2",
            "4x1x7",
            |m| matches!(m, Misfit::Window { reach, pad } if reach == &[2, 2] && pad == &[0, 0]),
        ),
        ("pool4 stride=2 ceil=true", "4x1x7", |m| matches!(m, Misfit::Window { .. })),
        (
            "conv3 8 dilation=4 pad=0",
            "4x8x8",
            |m| matches!(m, Misfit::Window { reach, .. } if reach == &[9, 9]),
        ),
        ("conv3 8 pad=3", "4x8x8", |m| matches!(m, Misfit::Pad { limit: 2, .. })),
        ("conv3x1 8 pad=1", "4x8x8", |m| matches!(m, Misfit::Pad { limit: 0, .. })),
        ("pool3 pad=2", "4x8x8", |m| matches!(m, Misfit::Pad { limit: 1, .. })),
        ("deconv3 8 pad=2", "4x1x1", |m| matches!(m, Misfit::Pad { limit: 1, .. })),
        ("deconv3 8 stride=2 output_pad=2", "4x8x8", |m| matches!(m, Misfit::OutputPad { limit: 1 })),
        ("conv3 8 stride=1x2x2", "4x8x8", |m| matches!(m, Misfit::Axes { argument: "stride", axes: 2, .. })),
        ("conv3x3 8", "4x8", |m| matches!(m, Misfit::Axes { argument: "window", axes: 1, .. })),
    ]);
}

#[test]
fn channels_and_parts_must_fit() {
    misfits(&[
        ("conv3 8 groups=3", "9x8x8", |m| {
            matches!(m, Misfit::Groups { what: "output channels", channels: 8, common: 1, .. })
        }),
        ("conv3 9 groups=3", "8x8x8", |m| {
            matches!(m, Misfit::Groups { what: "input channels", channels: 8, .. })
        }),
        ("gn 3", "8", |m| matches!(m, Misfit::Groups { groups: 3, common: 8, .. })),
        ("channel_shuffle 3", "8x2x2", |m| matches!(m, Misfit::Groups { .. })),
        ("pixel_shuffle 3", "8x2x2", |m| matches!(m, Misfit::Multiple { of: 9, channels: 8 })),
        ("glu", "7", |m| matches!(m, Misfit::Multiple { of: 2, channels: 7 })),
        ("upsample 2 size=8", "4x4x4", |m| matches!(m, Misfit::Either { kept: "size", dropped: "factor" })),
        ("crop 2 size=8", "4x16x16", |m| matches!(m, Misfit::Either { .. })),
        ("pad", "4x4x4", |m| matches!(m, Misfit::OneOf(_))),
        ("crop", "4x4x4", |m| matches!(m, Misfit::OneOf(_))),
        ("crop 2", "4x5x4", |m| matches!(m, Misfit::Part { axis: 2, size: 4, start: 2, end: 2 })),
        ("crop size=5", "4x4x4", |m| matches!(m, Misfit::Part { axis: 1, start: 0, end: 5, .. })),
        ("crop size=3 before=2", "4x4x4", |m| matches!(m, Misfit::Part { start: 2, end: 5, .. })),
        ("slice start=4", "4x4x4", |m| matches!(m, Misfit::Part { start: 4, end: 4, .. })),
        ("slice end=5", "4x4x4", |m| matches!(m, Misfit::Part { end: 5, .. })),
        ("slice axis=3", "4x4x4", |m| matches!(m, Misfit::Axis(3))),
        ("reshape 3x4", "13", |m| matches!(m, Misfit::Elements(_))),
        ("permute 0x2", "3x4", |m| matches!(m, Misfit::Order(_))),
        ("permute 0x0", "3x4", |m| matches!(m, Misfit::Order(_))),
        ("permute 0x1", "3x4x5", |m| matches!(m, Misfit::Order(_))),
    ]);
}

#[test]
fn sizes_are_bounded() {
    misfits(&[
        ("conv1 4000000000", "1x1x1", |m| matches!(m, Misfit::Weight)),
        ("deconv1 4000000000", "1x1x1", |m| matches!(m, Misfit::Weight)),
        ("conv1 1048576", "1x1000x1000", |m| matches!(m, Misfit::Output)),
        ("linear 4000000000", "8", |m| matches!(m, Misfit::Weight)),
        ("upsample 65536", "1x1000x1000", |m| matches!(m, Misfit::Output)),
        ("adaptive_pool 4000000000", "1x4x4", |m| matches!(m, Misfit::Output)),
        ("pad 65536", "1x4x4x4", |m| matches!(m, Misfit::Output)),
        ("deconv1 1 stride=4000000000", "1x4000", |m| matches!(m, Misfit::Output)),
        ("reshape 4000000000x4000000000x4000000000", "8", |m| matches!(m, Misfit::Elements(_))),
        ("pixel_shuffle 65536", "8x2x2", |m| matches!(m, Misfit::Multiple { .. })),
    ]);
}

fn fits(cases: &[(&str, &str, &str)]) {
    for (text, input, output) in cases {
        let found = fit(text, input).map(|(_, shape)| shape.to_string());
        assert_eq!(found.as_deref(), Ok(*output), "{text} on {input}");
    }
}

type Check = fn(&Misfit) -> bool;

fn misfits(cases: &[(&str, &str, Check)]) {
    for (text, input, check) in cases {
        let found = fit(text, input).map(|(_, shape)| shape).unwrap_err();
        assert!(check(&found), "{text} on {input}: {found:?}");
    }
}

fn fit(text: &str, input: &str) -> super::Fitted {
    let (call, input) = (call(text), Shape(numbers(input)));
    assert!(call.word.input.accepts(&input), "{text} on {input}");
    match call.word.meaning {
        Meaning::Layer(rule) => rule(&call, &input),
        Meaning::Same(_) | Meaning::Formula(_) => panic!("{text} has a rule of its own"),
    }
}

/// A word with literal arguments.
fn call(text: &str) -> Call {
    let mut parts = text.split(' ');
    let Found::Word(word, window) = find(parts.next().unwrap()) else { panic!("{text} is a word") };
    let mut settings = vec![None; word.arguments.len()];
    for (place, part) in parts.enumerate() {
        let (index, value) = match part.split_once('=') {
            Some((name, value)) => (word.arguments.iter().position(|a| a.name == name).unwrap(), value),
            None => (place, part),
        };
        settings[index] = Some(setting(word, index, value));
    }
    Call { word, window, settings }
}

fn setting(word: &Word, index: usize, value: &str) -> Setting {
    match word.arguments[index].kind {
        Kind::Count(_) => Setting::Count(value.parse().unwrap()),
        Kind::Real(_) => Setting::Real(value.parse().unwrap()),
        Kind::Flag => Setting::Flag(value.parse().unwrap()),
        Kind::PerAxis(_) | Kind::Shape | Kind::Order => {
            Setting::Numbers(Numbers::new(&numbers(value)).unwrap())
        }
        Kind::Choice(names) => Setting::Choice(names.iter().find(|name| **name == value).unwrap()),
        Kind::Init => panic!("no shape depends on initial weights"),
    }
}

fn numbers(text: &str) -> Vec<usize> {
    text.split('x').map(|number| number.parse().unwrap()).collect()
}
