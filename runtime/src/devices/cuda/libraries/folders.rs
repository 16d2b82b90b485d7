//! Where libraries may lie, beside where the system looks by itself.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::PATH_VARIABLE;

/// A look into the environment.
type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the user names.
pub(super) fn wanted(variable: Variable) -> Vec<PathBuf> {
    let list = variable(PATH_VARIABLE).unwrap_or_default();
    env::split_paths(&list).filter(|folder| !folder.as_os_str().is_empty()).collect()
}

/// Toolkits, and where containers and WSL put the driver.
pub(super) fn toolkits(variable: Variable) -> Vec<PathBuf> {
    let named = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(variable).map(PathBuf::from);
    let roots: Vec<PathBuf> = named.chain([PathBuf::from("/usr/local/cuda")]).collect();
    let below = roots.iter().flat_map(|root| ["lib64", "lib"].map(|folder| root.join(folder)));
    below.chain(["/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"].map(PathBuf::from)).collect()
}

/// The folders of NVIDIA's packages for Python: of the environment that is active, then of `python3`.
pub(super) fn packages(variable: Variable) -> Vec<PathBuf> {
    let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable);
    let libraries: Vec<PathBuf> = environments.map(|root| Path::new(&root).join("lib")).collect();
    let versions = libraries.iter().flat_map(|folder| beginning_with(folder, "python3"));
    let sites = versions.map(|folder| folder.join("site-packages")).chain(sites_of_python());
    let nvidia = sites.map(|site| site.join("nvidia"));
    // One folder a package, or since CUDA 13 one a major version.
    let packages = nvidia.flat_map(|folder| beginning_with(&folder, "")).map(|package| package.join("lib"));
    libraries.iter().cloned().chain(packages).collect()
}

/// What lies in a folder under a name that begins so, in order.
pub(super) fn beginning_with(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(start);
    let mut paths: Vec<PathBuf> = entries.filter(fits).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Where `python3` finds packages, if there is one.
fn sites_of_python() -> Vec<PathBuf> {
    const QUESTION: &str =
        "import site; print(*site.getsitepackages(), site.getusersitepackages(), sep='\\n')";
    let mut python = Command::new("python3");
    python.args(["-I", "-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null());
    let answer = python.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&answer).lines().map(PathBuf::from).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_from_the_environment() {
        let variable = |name: &str| {
            let value = match name {
                "NNC_CUDA_PATH" => "/first::/second",
                "CUDA_HOME" => "/toolkit",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        assert_eq!(wanted(&variable), [Path::new("/first"), Path::new("/second")]);
        assert_eq!(wanted(&|_| None), [] as [PathBuf; 0]);
        assert_eq!(toolkits(&variable)[0], Path::new("/toolkit/lib64"));
    }
}
