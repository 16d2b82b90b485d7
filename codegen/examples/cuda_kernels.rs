//! Writes the CUDA kernels of models to a folder, a file each, for checks by real compilers
//! (`tests/cuda/nvrtc.py`): `cargo run -p nnc-codegen --example cuda_kernels -- FOLDER MODEL.nn…`

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use nnc_codegen::{compile, cuda};
use nnc_dsl::{Entry, Options, check};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("expected a folder and models")?;
    for path in arguments {
        write(Path::new(&folder), Path::new(&path)).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

fn write(folder: &Path, path: &Path) -> Result<(), Box<dyn Error>> {
    let models = check(&fs::read_to_string(path)?, Entry::File, &Options::default()).models;
    let stem = path.file_stem().ok_or("expected a file")?.to_string_lossy();
    if models.is_empty() {
        return Err("no model without mistakes; `nnc check` shows them".into());
    }
    for model in models {
        let own = folder.join(format!("{stem}.{}", model.name));
        fs::create_dir_all(&own)?;
        for kernel in cuda::emit(&model, &compile(&model)).kernels {
            fs::write(own.join(format!("{}.cu", kernel.name)), kernel.text)?;
        }
    }
    Ok(())
}
