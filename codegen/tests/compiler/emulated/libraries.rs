//! What a library does between the launches around it.

use nnc_codegen::cuda::{Element, Form, LibraryCall, Product, Tensor};

use super::Precision;
use super::device::Device;

/// Takes the place of a library whose answer is known: finds its weight where it was laid out anew, which it may
/// not have been, and leaves the plain product where it belongs.
pub(super) fn compute(
    device: &mut Device,
    product: &Product,
    second: &[f64],
    plain: &[f64],
    precision: Precision,
) -> Result<(), String> {
    let Some(LibraryCall { form, operands, result, .. }) = &product.library else { return Ok(()) };
    let columns = product.spec.output[3];
    if let Tensor::Workspace(start) = operands[1] {
        let weight = turned(second, columns).into_iter().map(|x| precision.round(Element::Real, x));
        if !device.read_workspace(start, second.len()).into_iter().eq(weight) {
            return Err("the weight was not turned".to_owned());
        }
    }
    let is_weight = *form == Form::Convolution && product.operation == "conv_backward_weight";
    let plain = if is_weight { turned(plain, columns) } else { plain.to_vec() };
    match *result {
        Tensor::At(place) => device.write(place, &plain),
        Tensor::Workspace(start) => device.write_workspace(start, &plain),
    }
    Ok(())
}

/// A matrix of so many columns by its columns.
fn turned(matrix: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|column| matrix[column..].iter().step_by(columns).copied()).collect()
}
