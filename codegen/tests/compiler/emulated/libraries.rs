//! What a library does between the launches around it.

use nnc_codegen::cuda::{Element, Form, Fused, LibraryCall, Product, Tensor};

use super::Precision;
use super::device::Device;

/// Takes the place of a library whose answer is known: finds its weight where it was laid out anew, which it may
/// not have been, and leaves the product where it belongs, plain or with what is fused.
pub(super) fn compute(
    device: &mut Device,
    product: &Product,
    call: &LibraryCall,
    second: &[f64],
    plain: &[f64],
    precision: Precision,
) -> Result<(), String> {
    let LibraryCall { form, operands, fused, result, .. } = call;
    let columns = product.spec.output[3];
    if let Tensor::Workspace(start) = operands[1] {
        let weight = turned(second, columns).into_iter().map(|x| precision.round(Element::Real, x));
        if !device.read_workspace(start, second.len()).into_iter().eq(weight) {
            return Err("the weight was not turned".to_owned());
        }
    }
    let is_weight = *form == Form::Convolution && product.operation == "conv_backward_weight";
    let plain = if is_weight { turned(plain, columns) } else { plain.to_vec() };
    let values = finished(device, fused.as_ref(), plain);
    match *result {
        Tensor::At(place) => device.write(place, &values),
        Tensor::Workspace(start) => device.write_workspace(start, &values),
    }
    Ok(())
}

/// What is fused after a product, with the bias as it lies in memory.
fn finished(device: &mut Device, fused: Option<&Fused>, mut product: Vec<f64>) -> Vec<f64> {
    if let Some(Fused::Bias(place) | Fused::BiasRelu(place)) = fused {
        let bias = device.read(*place);
        product.chunks_mut(bias.len()).for_each(|pixel| {
            pixel.iter_mut().zip(&bias).for_each(|(sum, bias)| *sum += bias);
        });
    }
    if let Some(Fused::Relu | Fused::BiasRelu(_)) = fused {
        product.iter_mut().for_each(|sum| *sum = sum.max(0.0));
    }
    product
}

/// A matrix of so many columns by its columns.
fn turned(matrix: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|column| matrix[column..].iter().step_by(columns).copied()).collect()
}
