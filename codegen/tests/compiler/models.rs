//! Checked models built by hand, so that tests of the compiler do not depend on the language.

use nnc_dsl::diagnostic::Span;
use nnc_dsl::model::{
    CheckedModel, Conv, Init, Input, Join, Layer, Loss, LossTerm, Output, Sequence, Shape, Step, StepKind,
    Tap, Train, Window,
};

/// A sequence in the making.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    input: Shape,
    steps: Vec<Step>,
}

impl Body {
    /// An empty one from this shape on.
    pub(crate) fn new(input: &[usize]) -> Body {
        Body { input: Shape(input.to_vec()), steps: Vec::new() }
    }

    /// A layer that leaves `output`.
    pub(crate) fn layer(self, word: &str, layer: Layer, output: &[usize]) -> Body {
        self.step(word, StepKind::Layer(layer), output)
    }

    /// A layer that keeps the shape.
    pub(crate) fn same(self, word: &str, layer: Layer) -> Body {
        let shape = self.output().0;
        self.layer(word, layer, &shape)
    }

    /// A layer with weights that mixes all channels and keeps the shape, so that what follows has a
    /// gradient to hand on.
    pub(crate) fn mixed(self) -> Body {
        let shape = self.output();
        match shape.spatial().len() {
            0 => self.same("linear", Layer::Linear { bias: true, init: Init::HE_NORMAL }),
            rank => {
                let window = Conv { bias: true, ..window(&vec![1; rank], 1, 0) };
                self.same("conv1", Layer::Conv(window))
            }
        }
    }

    /// Any step; its name is the word with a number.
    pub(crate) fn step(mut self, word: &str, kind: StepKind, output: &[usize]) -> Body {
        let number = 1 + self.steps.iter().filter(|step| step.text == word).count();
        self.steps.push(Step {
            name: format!("{word}{number}"),
            text: word.to_owned(),
            span: Span { start: 0, end: 0 },
            input: self.output(),
            output: Shape(output.to_vec()),
            kind,
            tap: None,
            learning_rate: 1.0,
        });
        self
    }

    /// A join of branches, which keeps the shape unless told.
    pub(crate) fn join(self, join: Join, branches: Vec<Body>, output: &[usize]) -> Body {
        let named = branches.into_iter().enumerate();
        let branches = named.map(|(index, body)| (format!("branch{}", index + 1), body.sequence())).collect();
        self.step("join", StepKind::Join { join, branches }, output)
    }

    /// Names the present value.
    pub(crate) fn tap(mut self, tap: usize) -> Body {
        self.last().tap = Some(Tap(tap));
        self
    }

    /// Sets the factor on the learning rate of the last step.
    pub(crate) fn learning_rate(mut self, factor: f64) -> Body {
        self.last().learning_rate = factor;
        self
    }

    /// The shape so far.
    pub(crate) fn output(&self) -> Shape {
        self.steps.last().map_or_else(|| self.input.clone(), |step| step.output.clone())
    }

    /// The finished sequence.
    pub(crate) fn sequence(self) -> Sequence {
        Sequence { output: self.output(), input: self.input, steps: self.steps }
    }

    /// A network with one input and one output, judged by mean squared error.
    pub(crate) fn model(self) -> CheckedModel {
        self.model_with(Loss::MeanSquaredError)
    }

    /// The same with another loss.
    pub(crate) fn model_with(self, loss: Loss) -> CheckedModel {
        let body = self.sequence();
        let input = Input { name: String::new(), shape: body.input.clone(), tap: Tap(0) };
        let output = Output { name: String::new(), shape: body.output.clone(), tap: None };
        network(vec![input], vec![output], body, vec![LossTerm { output: 0, loss, weight: 1.0 }])
    }

    fn last(&mut self) -> &mut Step {
        self.steps.last_mut().expect("a step to change")
    }
}

/// A network.
pub(crate) fn network(
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    body: Sequence,
    losses: Vec<LossTerm>,
) -> CheckedModel {
    CheckedModel {
        name: "Net".to_owned(),
        name_span: Span { start: 0, end: 0 },
        public: false,
        parameters: Vec::new(),
        inputs,
        outputs,
        body,
        train: Train { losses, ..Train::default() },
    }
}

/// A convolution without bias, of one group.
pub(crate) fn window(kernel: &[usize], stride: usize, pad: usize) -> Conv {
    let rank = kernel.len();
    Conv {
        kernel: kernel.to_vec(),
        stride: vec![stride; rank],
        pad: vec![pad; rank],
        dilation: vec![1; rank],
        groups: 1,
        bias: false,
        init: Init::HE_NORMAL,
    }
}

/// A pooling window on a map of two spatial axes.
pub(crate) fn pooling(size: usize, stride: usize, pad: usize) -> Window {
    Window { size: vec![size; 2], stride: vec![stride; 2], pad: vec![pad; 2] }
}
