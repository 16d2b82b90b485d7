//! What a generated crate is called and where it finds the runtime.

use std::fs;
use std::path::{Path, PathBuf};

use nnc_codegen::Compiled;
use nnc_codegen::emit::{CrateOptions, EmittedFile, RuntimeDependency, crate_files};

use crate::ahead::Wanted;
use crate::model_file::ModelFile;

/// The files of the crate of a network, with the package called `package`, but for those with what was compiled ahead.
pub(crate) fn package_files(
    file: &ModelFile,
    compiled: &Compiled,
    package: &str,
    ahead: &Wanted,
) -> Vec<EmittedFile> {
    let options = CrateOptions {
        package: package.to_owned(),
        file: base_name(&file.text.file),
        source: file.text.text.clone(),
        runtime: runtime(),
        ahead: ahead.parts(),
    };
    crate_files(&file.model, compiled, &options)
}

/// A network's name in lower case, as the runtime names run folders too: `ResNet20` becomes
/// `resnet20`. Names that mean something to Rust or cargo get an ending.
pub(crate) fn package_name(network: &str) -> String {
    let name = network.to_lowercase().replace('_', "-").trim_matches('-').to_owned();
    match name.as_str() {
        "" => "network".to_owned(),
        reserved if RESERVED.split_whitespace().any(|name| name == reserved) => format!("{name}-network"),
        _ => name,
    }
}

/// The versions of all packages that the runtime was tested with, where it comes from a checkout.
pub(crate) fn lock_file() -> Option<PathBuf> {
    checkout().map(|checkout| checkout.join("Cargo.lock")).filter(|path| path.is_file())
}

/// Keywords of Rust, names that cargo or a file system refuses, and crates that every program has.
const RESERVED: &str = "
    abstract alloc as async aux await become box break build con const continue core crate deps do dyn
    else enum examples extern false final fn for gen if impl in incremental let loop macro main match
    mod move mut nnc nnc-command nnc-runtime nul override priv prn proc-macro pub ref return self static std struct
    super test trait true try type typeof unsafe unsized use virtual where while yield
";

fn runtime() -> RuntimeDependency {
    match checkout() {
        Some(checkout) => RuntimeDependency::Path(checkout.display().to_string()),
        None => RuntimeDependency::Version(env!("CARGO_PKG_VERSION").to_owned()),
    }
}

/// The checkout that this program was built from, if it is still there.
fn checkout() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let root = fs::canonicalize(root).ok()?;
    root.join("runtime/Cargo.toml").is_file().then_some(root)
}

/// The name of the file alone, since a generated crate does not depend on where its model lies.
fn base_name(file: &str) -> String {
    let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned());
    name.filter(|_| file != "<stdin>").unwrap_or_else(|| "model.nn".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_cargo_likes_them() {
        let names = [("ResNet20", "resnet20"), ("MLP", "mlp"), ("my_net", "my-net"), ("_", "network")];
        for (network, package) in names {
            assert_eq!(package_name(network), package);
        }
    }

    #[test]
    fn reserved_names_get_an_ending() {
        for name in ["Test", "Core", "Match", "Nnc_Runtime", "Build"] {
            assert!(package_name(name).ends_with("-network"), "{name}");
        }
        assert!(RESERVED.split_whitespace().is_sorted());
    }

    #[test]
    fn headers_name_the_file_without_its_folder() {
        assert_eq!(base_name("models/digits.nn"), "digits.nn");
        assert_eq!(base_name("<stdin>"), "model.nn");
    }
}
