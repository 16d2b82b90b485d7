//! What goes into a network and what comes out, as the language writes it.

use nnc_dsl::model::{Input, Output, Shape};

/// `image: 3x64x64, meta: 8 -> 10`
pub(crate) fn signature(inputs: &[Input], outputs: &[Output]) -> String {
    let inputs = inputs.iter().map(|input| port(&input.name, &input.shape));
    let outputs = outputs.iter().map(|output| port(&output.name, &output.shape));
    let [inputs, outputs] = [inputs.collect::<Vec<_>>(), outputs.collect()].map(|ports| ports.join(", "));
    format!("{inputs} -> {outputs}")
}

/// `image: 3x64x64`, or the shape alone where there is no name.
pub(crate) fn port(name: &str, shape: &Shape) -> String {
    if name.is_empty() { shape.to_string() } else { format!("{name}: {shape}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_dsl::model::Tap;

    #[test]
    fn names_stand_before_shapes() {
        let inputs = [Input { name: "image".to_owned(), shape: Shape::map(3, 8, 8), tap: Tap(0) }];
        let outputs = [Output { name: String::new(), shape: Shape::vector(10), tap: None }];
        assert_eq!(signature(&inputs, &outputs), "image: 3x8x8 -> 10");
    }
}
