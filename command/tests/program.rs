//! The command line of a generated program, seen from outside: output and exit status.
//!
//! With the variable [`CHILD`] set this executable is such a program; without it, it starts
//! itself again and looks at what comes out.

#[path = "../../runtime/tests/training/programs/classifier.rs"]
mod classifier;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

const CHILD: &str = "NNC_TEST_PROGRAM";

/// A test in an empty folder of its own; it panics if something is wrong.
type Check = fn(&Path);

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return nnc_command::main(&classifier::PROGRAM);
    }
    let folder = std::env::temp_dir().join(format!("nnc-program-{}", std::process::id()));
    let checks: [(&str, Check); 11] = [
        ("help_teaches", help_teaches),
        ("wrong_usage_is_status_2", wrong_usage_is_status_2),
        ("mistakes_are_status_1", mistakes_are_status_1),
        ("training_prints_its_epochs_and_the_test", training_prints_its_epochs_and_the_test),
        ("saved_networks_are_measured_and_applied", saved_networks_are_measured_and_applied),
        ("threads_are_those_of_the_process", threads_are_those_of_the_process),
        ("quotas_of_control_groups_count", quotas_of_control_groups_count),
        ("wrong_numbers_of_threads_are_refused", wrong_numbers_of_threads_are_refused),
        ("algorithms_are_measured_and_kept", algorithms_are_measured_and_kept),
        ("tuning_is_for_programs_too", tuning_is_for_programs_too),
        ("an_interruption_says_how_to_go_on", an_interruption_says_how_to_go_on),
    ];
    for (name, check) in checks {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        report(&format!("test {name} ..."));
        check(&folder);
    }
    fs::remove_dir_all(&folder).unwrap();
    report(&format!("test result: ok. {} passed", checks.len()));
    ExitCode::SUCCESS
}

fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What a program has written, and how it ended.
struct Answer {
    status: i32,
    output: String,
    errors: String,
}

fn program(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(line.split_whitespace()).current_dir(folder).env(CHILD, "1");
    command.env("NNC_CACHE_DIR", folder.join("cache")).env_remove("NNC_THREADS");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn answer(folder: &Path, line: &str) -> Answer {
    finish(program(folder, line))
}

fn finish(mut command: Command) -> Answer {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    let answer = Answer { status, output: text(output.stdout), errors: text(output.stderr) };
    assert!(!answer.output.contains('\x1b') && !answer.errors.contains('\x1b'), "colours in a pipe");
    answer
}

fn succeed(folder: &Path, line: &str) -> String {
    let answer = answer(folder, line);
    assert_eq!(answer.status, 0, "{line}: {}", answer.errors);
    answer.output
}

fn help_teaches(folder: &Path) {
    let help = succeed(folder, "--help");
    for word in ["train", "eval", "predict", "tune", "Examples:"] {
        assert!(help.contains(word), "{help}");
    }
    let help = succeed(folder, "train --help");
    let arguments = ["--data", "--epochs", "--lr", "--hyper", "--resume"];
    let machine = ["--algorithms", "--workspace", "--device", "Examples:"];
    for word in arguments.into_iter().chain(machine) {
        assert!(help.contains(word), "{help}");
    }
}

fn wrong_usage_is_status_2(folder: &Path) {
    for line in [
        "",
        "trian",
        "train --epochs 0",
        "train --epoch 3",
        "train --run a --resume b",
        "eval --part x",
        "train --threads 0",
        "train --threads 1025",
        "train --algorithms best",
        "train --workspace 3parsecs",
        "train --device gpu",
        "eval --device cuda:first",
        "predict --precision f8 image.png",
    ] {
        let answer = answer(folder, line);
        assert_eq!(answer.status, 2, "`{line}`: {}", answer.errors);
    }
    assert!(answer(folder, "train --epoch 3").errors.contains("--epochs"), "near names are suggested");
}

/// The first line of a training, which has the number of threads.
fn first_line(command: Command) -> String {
    let answer = finish(command);
    assert_eq!(answer.status, 0, "{}", answer.errors);
    answer.output.lines().next().unwrap_or_default().to_owned()
}

fn threads_are_those_of_the_process(folder: &Path) {
    let line = "train --epochs 1";
    let mut wanted = program(folder, line);
    wanted.env("NNC_THREADS", "3");
    assert!(first_line(wanted).ends_with(" 3 threads"));
    let mut both = program(folder, "train --epochs 1 --threads 4");
    both.env("NNC_THREADS", "none at all");
    assert!(first_line(both).ends_with(" 4 threads"), "the argument comes first");
    let mut bound = Command::new("taskset");
    bound.args(["--cpu-list", "0"]).arg(std::env::current_exe().unwrap()).args(line.split_whitespace());
    bound.current_dir(folder).env(CHILD, "1").env_remove("NNC_THREADS");
    match bound.output() {
        Ok(_) => assert!(first_line(bound).ends_with(" 1 thread"), "the affinity mask counts"),
        Err(error) => report(&format!("skipped the affinity mask: taskset: {error}")),
    }
}

/// Control groups of version 2, made up: a program in a mount namespace sees them in the place of its own.
fn quotas_of_control_groups_count(folder: &Path) {
    match Command::new("unshare").args(NAMESPACE).arg("true").output() {
        Ok(output) if output.status.success() => {}
        result => return report(&format!("skipped the quotas: unshare: {result:?}")),
    }
    let cores = threads_of_groups(folder, [None, None]);
    for (limits, expected) in [
        ([None, Some("max 100000")], cores),
        ([None, Some("150000 100000")], 1),
        ([None, Some("250000 100000")], cores.min(2)),
        ([None, Some("30000 100000")], 1),
        ([Some("100000 100000"), None], 1),
        ([Some("100000 100000"), Some("max 100000")], 1),
        ([Some("max 100000"), Some("50000 50000")], 1),
        ([Some("200000 100000"), Some("900000 100000")], cores.min(2)),
        ([Some("100000 100000"), Some("no limit at all")], 1),
    ] {
        assert_eq!(threads_of_groups(folder, limits), expected, "{limits:?}");
    }
}

/// A mount namespace, for which no privilege is needed in a user namespace.
const NAMESPACE: [&str; 3] = ["--user", "--map-root-user", "--mount"];

/// The threads of a program in a group inside another one, with what is in the file `cpu.max` of the outer and
/// of the inner one, if there are such files.
fn threads_of_groups(folder: &Path, limits: [Option<&str>; 2]) -> usize {
    let groups = folder.join("groups");
    let _ = fs::remove_dir_all(&groups);
    let [outer, inner] = ["outer", "outer/inner"].map(|group| groups.join(group));
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("cgroup.controllers"), "cpu\n").unwrap();
    fs::write(folder.join("group"), "0::/outer/inner\n").unwrap();
    for (group, limit) in [outer, inner].iter().zip(limits) {
        limit.iter().for_each(|limit| fs::write(group.join("cpu.max"), format!("{limit}\n")).unwrap());
    }
    let script = "mount --rbind groups /sys/fs/cgroup && mount --bind group /proc/$$/cgroup && exec \"$@\"";
    let mut inside = Command::new("unshare");
    inside.args(NAMESPACE).args(["sh", "-c", script, "sh"]).arg(std::env::current_exe().unwrap());
    inside.args(["train", "--epochs", "1"]);
    inside.current_dir(folder).env(CHILD, "1").env_remove("NNC_THREADS");
    let line = first_line(inside);
    line.split_whitespace().rev().nth(1).and_then(|threads| threads.parse().ok()).expect(&line)
}

fn wrong_numbers_of_threads_are_refused(folder: &Path) {
    for threads in ["0", "1025", "-2", "many"] {
        let mut command = program(folder, "train");
        command.env("NNC_THREADS", threads);
        let answer = finish(command);
        let expected = format!("error: NNC_THREADS is `{threads}`, expected 1 to 1024 threads\n");
        assert!(answer.status == 1 && answer.errors.starts_with(&expected), "{}", answer.errors);
    }
    assert!(!folder.join("runs").exists());
}

fn algorithms_are_measured_and_kept(folder: &Path) {
    // Where nothing can be kept, nothing is said.
    for cache in ["cache", "cache/timings.jsonl/below"] {
        let mut command = program(folder, "train --epochs 1 --seed 4 --algorithms benchmark --threads 2");
        command.env("NNC_CACHE_DIR", folder.join(cache));
        assert!(first_line(command).ends_with(" 2 threads"));
    }
    let line = "train --epochs 1 --seed 4 --algorithms";
    let epoch = |mode: &str| {
        succeed(folder, &format!("{line} {mode}")).lines().nth(3).map(|line| line[..50].to_owned())
    };
    assert_eq!(epoch("heuristic"), epoch("deterministic"), "matrix products have one way to round");
}

fn tuning_is_for_programs_too(folder: &Path) {
    let text = answer(folder, "tune --batch 5 --threads 1");
    assert_eq!(text.status, 0, "{}", text.errors);
    for part in ["linear2   weight gradient  5x24 to 10", "implicit-gemm", "evaluation", "total"] {
        assert!(text.output.contains(part), "{part}: {}", text.output);
    }
    let file = folder.join("cache/timings.jsonl");
    assert_eq!(text.errors, format!("kept in {} for `--algorithms benchmark`\n", file.display()));
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1 + 5 + 2, "those of each pass");
    let lines = succeed(folder, "tune --batch 5 --format json");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[2]["layer"]), (7 + 2, &"linear2".into()));
    assert!(
        lines[2]["candidates"][0]["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0),
        "{}",
        lines[2]
    );

    let mut nowhere = program(folder, "tune --batch 5 --threads 1");
    nowhere.env("NNC_CACHE_DIR", folder.join("cache/timings.jsonl/below"));
    let answer = finish(nowhere);
    assert_eq!(answer.status, 0);
    assert!(answer.errors.starts_with("warning: the times cannot be kept in "), "{}", answer.errors);
}

fn mistakes_are_status_1(folder: &Path) {
    let cases = [
        ("train --hyper rho=1", "no hyperparameter `rho`"),
        ("train --data mnist:absent", "absent"),
        ("train --data somewhere", "format of the data set `somewhere` is not known"),
        ("train --resume", "no run of `Digits`"),
        ("eval", "no run of `Digits`"),
        ("predict --checkpoint absent.safetensors", "absent.safetensors"),
        // Whether this crate or the network lacks them.
        ("train --device cuda", " without "),
        ("tune --device cuda", " without "),
    ];
    for (line, expected) in cases {
        let answer = answer(folder, line);
        assert_eq!(answer.status, 1, "{line}");
        assert!(answer.errors.starts_with("error: "), "{}", answer.errors);
        assert!(answer.errors.contains(expected), "{}", answer.errors);
    }
    assert!(!folder.join("runs").exists(), "a mistake leaves no run behind");
}

fn training_prints_its_epochs_and_the_test(folder: &Path) {
    let output = succeed(folder, "train --epochs 3 --lr 0.2 --threads 1");
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].contains("1,834 parameters") && lines[1].contains("1,259 training"), "{output}");
    let epochs: Vec<&&str> = lines.iter().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(epochs.len(), 3, "{output}");
    assert!(epochs[0].starts_with("epoch 1/3  loss ") && epochs[0].contains("images/s"), "{output}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("test accuracy ") && last.ends_with(" %"), "{output}");
    for name in ["best.safetensors", "last.safetensors", "log.jsonl"] {
        assert!(folder.join("runs/digits-1").join(name).is_file(), "{name}");
    }
}

fn saved_networks_are_measured_and_applied(folder: &Path) {
    let trained = succeed(folder, "train --epochs 3 --threads 1");
    let measured = succeed(folder, "eval --threads 2 --batch 37");
    assert_eq!(measured.lines().last(), trained.lines().last());
    let json: serde_json::Value =
        serde_json::from_str(&succeed(folder, "eval -c runs/digits-1 --format json")).unwrap();
    assert_eq!(json["samples"], 359);
    assert!(json["accuracy"].as_f64().unwrap() > 0.6, "{json}");
    let predicted = succeed(folder, "predict --count 4 --top 2");
    assert_eq!(predicted.lines().count(), 4);
    assert!(predicted.starts_with("test 1: ") && predicted.contains("right is"), "{predicted}");
    fs::write(folder.join("table.csv"), table()).unwrap();
    let predicted = succeed(folder, "predict table.csv --format json --top 10");
    let rows: Vec<serde_json::Value> =
        predicted.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[1]["row"]), (2, &2.into()));
    let probabilities = rows[0]["classes"].as_array().unwrap().iter();
    let sum: f64 = probabilities.map(|class| class["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
}

/// Two images of 64 pixels as a table.
fn table() -> String {
    let row = |values: &dyn Fn(usize) -> String| (0..64).map(values).collect::<Vec<_>>().join(",");
    let header = row(&|column| format!("pixel{column}"));
    let [first, second] = [3, 5].map(|factor| row(&|column| (column * factor % 17).to_string()));
    format!("{header}\n{first}\n{second}\n")
}

#[cfg(unix)]
fn an_interruption_says_how_to_go_on(folder: &Path) {
    use std::io::{BufRead, BufReader, Read};

    let mut child =
        program(folder, "train --epochs 1000000 --threads 1 --algorithms deterministic").spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch ") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the program ended early");
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let hint = rest.lines().last().unwrap();
    assert!(
        hint.starts_with("interrupted; to go on: ")
            && hint.ends_with("train --algorithms deterministic --resume runs/digits-1"),
        "{hint}"
    );
    // With as many epochs as are done, what remains is the test.
    let resumed = succeed(folder, "train --resume --epochs 1 --threads 1");
    assert!(resumed.contains("resumed with "), "{resumed}");
    assert!(resumed.lines().last().unwrap().starts_with("test accuracy "), "{resumed}");
}

#[cfg(not(unix))]
fn an_interruption_says_how_to_go_on(_folder: &Path) {
    report("  skipped: signals are sent on Unix only");
}
