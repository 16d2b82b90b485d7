//! Kernel texts, and where their cubins come from.

use std::fs;
use std::path::PathBuf;

use nnc_runtime::devices::cuda::{
    Archive, Availability, Compiler, Context, Cubins, CudaErrorKind, Kernel, Libraries, LibraryKind, Real,
};
use nnc_runtime::emitted::cuda::Ahead;

use crate::support::{ADD, Gpu, STRAY, TURN, folder};
use crate::{Case, fake, is_fake};

pub(crate) fn cases() -> Vec<Case> {
    let any_gpu = [
        Case::any("cubins_are_kept", cubins_are_kept),
        Case::any("kernels_know_their_precision", kernels_know_their_precision),
        Case::any("a_cache_that_cannot_be_written_does_no_harm", unwritable_cache),
    ];
    let fake_gpu = || {
        let ahead = fake::cache().join("ahead");
        [
            Case::new("a_cubin_that_the_driver_refuses_is_compiled_again", refused_cubins),
            Case::new("a_text_that_does_not_compile_is_reported", wrong_text),
            // Without a driver, then without NVRTC.
            Case::new("kernels_are_compiled_ahead", kernels_are_compiled_ahead)
                .with("NNC_CUDA_PATH", fake::nvrtc())
                .with("NNC_TEST_AHEAD", &ahead),
            Case::new("what_was_compiled_ahead_needs_no_compiler", what_was_compiled_ahead_needs_no_compiler)
                .with("NNC_CUDA_PATH", fake::driver())
                .with("NNC_TEST_AHEAD", &ahead),
        ]
    };
    any_gpu.into_iter().chain(is_fake().then(fake_gpu).into_iter().flatten()).collect()
}

const THREE: [Kernel; 3] = [ADD, TURN, STRAY];

/// More than a unit of kernels.
fn numbered(count: usize) -> Vec<(String, String)> {
    let name = |number| format!("kernel{number}");
    let text = |number| format!("KERNEL({}, 32, 1)(int64 *a) {{ a[0] = {number}; }}\n", name(number));
    (0..count).map(|number| (name(number), text(number))).collect()
}

fn cubins_are_kept() {
    let place = folder("kept");
    let compiler = Compiler::new(&Context::new(0).unwrap()).with_cache(Cubins::folder(&place));
    let texts = numbered(6);
    let kernels: Vec<Kernel> = texts.iter().map(|(name, text)| Kernel { name, text }).collect();
    let counts = |kernels: &[Kernel]| {
        let made = compiler.compile(kernels, Real::Float).unwrap();
        let names: Vec<&str> = made.functions.iter().map(|function| function.name()).collect();
        assert_eq!(names, kernels.iter().map(|kernel| kernel.name).collect::<Vec<_>>());
        (made.compiled, made.found)
    };
    assert_eq!(counts(&kernels), (2, 0));
    assert_eq!(counts(&kernels), (0, 2));
    assert_eq!(counts(&kernels[..5]), (1, 1));
    let files: Vec<PathBuf> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    fs::write(&files[0], "damaged").unwrap();
    fs::remove_file(&files[1]).unwrap();
    fs::write(place.join("of another program"), "foreign").unwrap();
    let again = [counts(&kernels), counts(&kernels[..5])].map(|(compiled, _)| compiled);
    assert_eq!(again.iter().sum::<usize>(), 2);
    assert_eq!(counts(&[]), (0, 0));
}

fn kernels_know_their_precision() {
    let gpu = Gpu::new().unwrap();
    let text = "KERNEL(width, 32, 1)(int64 *a) { a[0] = sizeof(real); }\n";
    for (real, width) in [(Real::Float, 4), (Real::Bf16, 2), (Real::Half, 2)] {
        let made = Compiler::new(&gpu.context).compile(&[Kernel { name: "width", text }], real).unwrap();
        let memory = gpu.numbers(&[0.0; 2]).unwrap();
        // SAFETY: the kernel writes eight bytes.
        unsafe { gpu.stream.launch(&made.functions[0], [1; 3], 1, 0, &[memory.address()]).unwrap() };
        let mut found = [0; 8];
        memory.read(0, &mut found, &gpu.stream).unwrap();
        assert_eq!(u64::from_le_bytes(found), width);
    }
}

/// The file is whole, and what is in it was a cubin for something else.
fn refused_cubins() {
    let [place, other] = ["refused", "other"].map(folder);
    let context = Context::new(0).unwrap();
    let compile = |place, kernels: &[Kernel]| {
        let compiler = Compiler::new(&context).with_cache(Cubins::folder(place));
        compiler.compile(kernels, Real::Float).map(|made| made.compiled)
    };
    assert_eq!(compile(&place, &[ADD]), Ok(1));
    let file = fs::read_dir(&place).unwrap().next().unwrap().unwrap().path();
    let cubin = fs::read(&file).unwrap();
    // The kind of ELF file stands in bytes 16 and 17. The hash behind the cubin is made to fit again.
    let mut foreign = cubin[..cubin.len() - 32].to_vec();
    foreign[16] = 1;
    let hash = foreign.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    foreign.extend(hash.to_le_bytes());
    foreign.extend(&cubin[cubin.len() - 16..]);
    let elsewhere = other.join(file.file_name().unwrap());
    fs::write(&elsewhere, &foreign).unwrap();
    assert_eq!(compile(&other, &[ADD]), Ok(1));
    assert_eq!(fs::read(&elsewhere).unwrap().len(), cubin.len());
    assert_eq!(compile(&other, &[ADD]), Ok(0));
}

fn unwritable_cache() {
    let place = folder("unwritable").join("a file");
    fs::write(&place, "").unwrap();
    let context = Context::new(0).unwrap();
    for cubins in [Cubins::folder(place.join("cubins")), Cubins::nowhere()] {
        let compiler = Compiler::new(&context).with_cache(cubins);
        assert_eq!(compiler.compile(&[ADD], Real::Float).unwrap().compiled, 1);
    }
}

fn wrong_text() {
    let context = Context::new(0).unwrap();
    let wrong = Kernel { name: "wrong", text: "KERNEL(wrong, 32, 1)(float *a) {\n    a[0] = b;\n}\n" };
    let error = Compiler::new(&context).compile(&[ADD, wrong], Real::Float).err().unwrap();
    assert_eq!(error.kind(), CudaErrorKind::Kernel);
    let message = error.to_string();
    assert!(message.starts_with("NVRTC 13.99 cannot compile `add`, `wrong` for sm_90a"), "{message}");
    assert!(message.contains("wrong:2"), "{message}");
    assert!(error.help().contains("please report it"));
    let unknown = Archive::new("sm_20").add(&[&[ADD]], Real::Float).unwrap_err();
    assert_eq!((unknown.kind(), unknown.help()), (CudaErrorKind::Unavailable, "install a newer NVRTC"));
}

fn ahead() -> PathBuf {
    PathBuf::from(std::env::var_os("NNC_TEST_AHEAD").unwrap())
}

/// In single precision two kernels alone, and two as one unit.
fn kernels_are_compiled_ahead() {
    for architecture in ["sm_90", "sm_80"] {
        let mut archive = Archive::new(architecture);
        archive.add(&[&[ADD], &[TURN], &[ADD, STRAY]], Real::Float).unwrap();
        archive.add(&[&[ADD]], Real::Bf16).unwrap();
        fs::write(ahead().with_extension(architecture), archive.into_bytes()).unwrap();
    }
}

/// What the process before has compiled for an architecture.
fn compiled_for(architecture: &'static str) -> &'static [Ahead] {
    let cubins = fs::read(ahead().with_extension(architecture)).unwrap().leak();
    vec![Ahead { architecture, precisions: &["f32", "bf16"], cubins }].leak()
}

fn what_was_compiled_ahead_needs_no_compiler() {
    let context = Context::new(0).unwrap();
    let ahead = [compiled_for("sm_80"), compiled_for("sm_90")].concat().leak();
    let counts = |ahead, kernels: &[Kernel], real| {
        let compiler = Compiler::new(&context).with_cache(Cubins::nowhere()).with_ahead(ahead);
        compiler.compile(kernels, real).map(|made| (made.functions.len(), made.compiled, made.found))
    };
    // One by one, whoever asks for them together; and as the unit that they were.
    assert_eq!(counts(ahead, &[TURN, ADD, TURN, ADD, TURN], Real::Float), Ok((5, 0, 2)));
    assert_eq!(counts(ahead, &[ADD, STRAY], Real::Float), Ok((2, 0, 1)));
    assert_eq!(counts(ahead, &[ADD], Real::Bf16), Ok((1, 0, 1)));
    if Libraries::find().all[LibraryKind::Nvrtc as usize].is_usable() {
        return crate::report("skipped: what happens without NVRTC, because this machine has it");
    }
    let start = "NVRTC, which compiles kernels for the GPU, cannot be used: libnvrtc.so.13 was not found: ";
    let error = counts(&[], &THREE, Real::Float).unwrap_err();
    assert_eq!(error.kind(), CudaErrorKind::Unavailable);
    assert!(error.to_string().starts_with(start), "{error}");
    let has = |names: &str| {
        format!(
            "this program was built with kernels for {names}, which do not serve Fake GPU 0 (sm_90a) at this \
             precision; {start}"
        )
    };
    let error = counts(ahead, &[ADD], Real::Half).unwrap_err();
    assert!(error.to_string().starts_with(&has("sm_80 (f32, bf16), sm_90 (f32, bf16)")), "{error}");
    assert!(error.help().contains("`--cuda-arch`"), "{}", error.help());
    // Code of another architecture is not even tried.
    let error = counts(compiled_for("sm_80"), &[ADD], Real::Float).unwrap_err();
    assert!(error.to_string().starts_with(&has("sm_80 (f32, bf16)")), "{error}");
    assert_eq!(Availability::missing(ahead), None);
    let line = Availability::missing(compiled_for("sm_80")).unwrap();
    assert!(
        line.starts_with(&format!("no CUDA, running on the CPU: {}", has("sm_80 (f32, bf16)"))),
        "{line}"
    );
    assert!(Availability::missing(&[]).unwrap().contains(start));
}
