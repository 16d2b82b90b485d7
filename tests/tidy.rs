//! The map must not drift: every path that `ARCHITECTURE.md` and the README name exists.

use std::path::Path;

#[test]
fn every_path_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in ["ARCHITECTURE.md", "README.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let missing: Vec<&str> = paths(&text).filter(|path| !root.join(path).exists()).collect();
        assert!(missing.is_empty(), "{document} names {missing:?}");
        assert!(paths(&text).count() > 4, "{document} names no paths: is the search broken?");
    }
}

/// Whatever looks like a path of the repository: quoted as code or linked to.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let is_path = |path: &&str| {
        path.contains('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    };
    let rooms = [
        "dsl/",
        "codegen/",
        "kernels/",
        "runtime/",
        "command/",
        "macros/",
        "cli/",
        "tests/",
        "examples/",
        "docs/",
        "src/",
    ];
    quoted.chain(linked).filter(is_path).filter(move |path| rooms.iter().any(|room| path.starts_with(room)))
}
