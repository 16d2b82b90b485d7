//! Checkpoints: one safetensors file with everything that a trained network needs.
//!
//! Tensors carry the names and shapes that the summary prints, in the outside order, so that
//! other programs can read them; what is not a tensor is one JSON text under the metadata key
//! `nnc`. The same state gives the same bytes. A file is written under a temporary name and
//! renamed, so that a reader never sees half of one. What the tensors mean to a network is the
//! business of [`Model`](crate::Model).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::model::LossScale;
use crate::train::RunRecord;

/// The version of the metadata that this crate writes and reads.
pub const FORMAT: u32 = 1;

/// The contents of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// All that is not a tensor.
    pub metadata: Metadata,
    /// Parameters, states and `optimizer.*`, in the order of their names.
    pub tensors: Vec<Tensor>,
}

/// A tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Path of words and role: `residual1.conv2.weight`.
    pub name: String,
    /// Shape in the outside order.
    pub shape: Vec<usize>,
    /// The elements, row by row.
    pub values: Vec<f32>,
}

/// What a checkpoint says about its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the runtime that wrote the file.
    pub runtime: String,
    /// The network's name.
    pub network: String,
    /// The model's text.
    pub source: String,
    /// [`fingerprint`] of the model's text.
    pub source_fnv1a64: String,
    /// The optimiser's name.
    pub optimizer: String,
    /// The optimiser's hyperparameters.
    pub hyperparameters: BTreeMap<String, f32>,
    /// [`fingerprint`] of which parameters learn and where they lie in the optimiser's states; files
    /// from before there was one have none.
    #[serde(default)]
    pub optimizer_layout: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// Updates of the parameters so far, and steps that were skipped.
    pub step: u64,
    /// The loss scale of training at half precision; files of other precisions, and from before there was one,
    /// have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// The training run that the checkpoint belongs to; none if a program trained in its own loop.
    pub run: Option<RunRecord>,
}

/// The FNV-1a hash (64 bits) of a text, in hexadecimal. It tells texts apart; it does not
/// protect against somebody who wants two texts to agree.
pub fn fingerprint(text: &str) -> String {
    format!("{:016x}", fnv1a64(text.as_bytes()))
}

/// The 64-bit FNV-1a hash (Fowler, Noll, Vo).
pub(crate) fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Checkpoint {
    /// Reads a checkpoint.
    pub fn read(path: &Path) -> Result<Checkpoint, Error> {
        let bytes = fs::read(path).map_err(Error::file("read", path))?;
        let parts = decode(&bytes).map_err(|message| damaged(path, message))?;
        let Some(text) = parts.metadata else {
            return Err(Error::Checkpoint {
                path: path.to_owned(),
                message: "is a safetensors file without the metadata of nnc".into(),
                help: "give a file that training wrote, such as `best.safetensors` of a run".into(),
            });
        };
        let metadata = parse_metadata(path, &text)?;
        Ok(Checkpoint { metadata, tensors: parts.tensors })
    }

    /// Writes the checkpoint; an older file of that name is replaced at once and as a whole.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let partial = partial_name(path);
        let bytes = self.encode().map_err(|message| Error::Checkpoint {
            path: path.to_owned(),
            message: format!("cannot be written: {message}"),
            help: "this is a fault of the program; please report it".into(),
        })?;
        let written = write_and_sync(&partial, &bytes);
        written.map_err(Error::file("write", &partial))?;
        fs::rename(&partial, path).map_err(Error::file("write", path))?;
        sync_folder(path).map_err(Error::file("write", path))
    }

    /// The tensor called `name`.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let json = serde_json::to_string(&self.metadata).map_err(|error| error.to_string())?;
        let bytes: Vec<Vec<u8>> = self.tensors.iter().map(little_endian).collect();
        let mut views = Vec::with_capacity(bytes.len());
        for (tensor, bytes) in self.tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
                .map_err(|error| format!("`{}`: {error}", tensor.name))?;
            views.push((tensor.name.as_str(), view));
        }
        // One key, because a map of several would be written in an order of its own each time.
        // (Collected, because the crate's map is another one with its feature `std`.)
        let metadata = [(METADATA_KEY.to_owned(), json)].into_iter().collect();
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }
}

const METADATA_KEY: &str = "nnc";

/// A file taken apart, its metadata still a text.
struct Parts {
    metadata: Option<String>,
    tensors: Vec<Tensor>,
}

fn decode(bytes: &[u8]) -> Result<Parts, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let metadata = header.metadata().as_ref().and_then(|map| map.get(METADATA_KEY).cloned());
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut tensors =
        file.iter().map(|(name, view)| decode_tensor(name, &view)).collect::<Result<Vec<_>, String>>()?;
    sort(&mut tensors);
    Ok(Parts { metadata, tensors })
}

/// Puts tensors into the order of their names.
pub(crate) fn sort(tensors: &mut [Tensor]) {
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
}

fn decode_tensor(name: &str, view: &TensorView) -> Result<Tensor, String> {
    if view.dtype() != Dtype::F32 {
        return Err(format!("tensor `{name}` is of type {}, expected F32", view.dtype()));
    }
    let values = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(Tensor { name: name.to_owned(), shape: view.shape().to_vec(), values })
}

/// What metadata of every version has.
#[derive(Deserialize)]
struct Head {
    format: Option<u64>,
}

fn parse_metadata(path: &Path, text: &str) -> Result<Metadata, Error> {
    let damage = |error: serde_json::Error| damaged(path, format!("metadata: {error}"));
    let Head { format } = serde_json::from_str(text).map_err(damage)?;
    if format != Some(u64::from(FORMAT)) {
        let found = format.map_or("none".to_owned(), |format| format.to_string());
        return Err(Error::Checkpoint {
            path: path.to_owned(),
            message: format!("has format version {found}, expected {FORMAT}"),
            help: "read it with the version of nnc that wrote it, or train again".into(),
        });
    }
    serde_json::from_str(text).map_err(damage)
}

fn damaged(path: &Path, message: String) -> Error {
    Error::Checkpoint {
        path: path.to_owned(),
        message: format!("is damaged or not a checkpoint ({message})"),
        help: "use another checkpoint, or train again".into(),
    }
}

fn little_endian(tensor: &Tensor) -> Vec<u8> {
    tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The temporary name, in the same folder because a rename does not cross file systems.
fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable, where folders can be opened as files.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
