//! The compilers for C and C++: clang with the libraries for WebAssembly, or zig, which contains
//! them.

use std::path::{Path, PathBuf};

use crate::build::tool::Program;
use crate::build::{BuildError, Output, Tool, Workshop, find_program};

/// The lines that install the compilers.
const INSTALL: &str = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 \
     libc++-19-dev-wasm32 libc++abi-19-dev-wasm32, or: pip install ziglang==0.17.1";
const CLANG: Tool = Tool {
    names: &["clang-19", "clang-20", "clang-21", "clang"],
    install: INSTALL,
};
/// zig, as an installation or as the package `ziglang` of Python.
pub(in crate::build) const ZIG: Tool = Tool {
    names: &["zig", "python-zig"],
    install: "pip install ziglang==0.17.1",
};

/// The size of the stack, which lies below all data: a program that needs more traps.
const STACK: &str = "-Wl,-z,stack-size=262144";

/// Checks of the author's files: what C and C++ leave undefined traps.
const CHECKS: [&str; 2] = [
    "-fsanitize=signed-integer-overflow,integer-divide-by-zero,null,bounds,return",
    "-fsanitize-trap=all",
];

/// A compiler that was found.
pub(in crate::build) struct Compiler {
    path: PathBuf,
    /// The first arguments, which select the compiler in zig.
    first: Vec<&'static str>,
    is_cpp: bool,
}

impl Compiler {
    /// Finds clang with its libraries, or else zig.
    pub(in crate::build) fn find(is_cpp: bool) -> Result<Self, BuildError> {
        let library = if is_cpp { "libc++.a" } else { "libc.a" };
        let clang = CLANG.names.iter().filter_map(|name| find_program(name));
        if let Some(path) = clang.into_iter().find(|path| has_library(path, library)) {
            return Ok(Self {
                path,
                first: vec!["--target=wasm32-wasi"],
                is_cpp,
            });
        }

        let command = if is_cpp { "c++" } else { "cc" };
        let arguments = [command, "-target", "wasm32-wasi"];
        let (path, mut first) = zig().ok_or_else(|| CLANG.missing())?;
        first.extend(arguments);
        Ok(Self {
            path,
            first,
            is_cpp,
        })
    }

    /// Reports which compiler runs.
    pub(in crate::build) fn announce(&self, workshop: &Workshop<'_>, language: &str) {
        let program = self.program(workshop);
        workshop.say(&format!("compiling with {}", program.line()));
        if self.is_zig() && !objects(workshop).exists() {
            workshop.say(&format!(
                "the first build on a machine takes about two minutes: zig compiles its library of {language}"
            ));
        }
    }

    /// Compiles a source file, and returns the object file.
    pub(in crate::build) fn compile(
        &self,
        workshop: &Workshop<'_>,
        source: &Path,
        options: &[&str],
    ) -> Result<PathBuf, BuildError> {
        let name = source.to_string_lossy().replace(['/', '\\'], "_");
        let object = objects(workshop).join(format!("{name}.o"));
        std::fs::create_dir_all(objects(workshop)).map_err(|source| crate::files::WriteError {
            path: objects(workshop),
            source,
        })?;

        // The bindings pass pointers between types of the same layout.
        let mut program = self.program(workshop).args(options).args([
            "-Os",
            "-g0",
            "-Wall",
            "-Wextra",
            "-Igen",
            "-Igen/sdk",
            "-fno-strict-aliasing",
        ]);
        if source.starts_with("src") {
            program = program.args(CHECKS);
        }
        let program = program.arg("-c").arg(source).arg("-o").arg(&object);
        program.run_with_warnings(workshop)?;
        Ok(object)
    }

    /// Links object files to a module that has no function `main`.
    pub(in crate::build) fn link(
        &self,
        workshop: &Workshop<'_>,
        objects: &[PathBuf],
    ) -> Result<Output, BuildError> {
        let module = workshop.build.join("module.wasm");
        // Without an optimization level, clang does not run a `wasm-opt` that it finds in the path.
        let mut program = self
            .program(workshop)
            .args(["-mexec-model=reactor", "-Wl,--strip-debug", STACK])
            .args(objects);
        if !self.is_zig() {
            // zig does so by itself, and refuses the option.
            program = program.arg("-Wl,--stack-first");
        }
        if self.is_cpp && !self.is_zig() {
            program = program.args(["-lc++", "-lc++abi"]);
        }
        program.arg("-o").arg(&module).run()?;
        Ok(Output::Core(workshop.read(&module)?))
    }

    fn program(&self, workshop: &Workshop<'_>) -> Program {
        Program::new(&self.path)
            .folder(workshop.folder)
            .args(&self.first)
    }

    fn is_zig(&self) -> bool {
        self.first.contains(&"-target")
    }
}

/// Finds zig, and the arguments that select it.
pub(in crate::build) fn zig() -> Option<(PathBuf, Vec<&'static str>)> {
    if let Some(path) = ZIG.names.iter().find_map(|name| find_program(name)) {
        return Some((path, Vec::new()));
    }
    let python = find_program("python3")?;
    let module = ["-m", "ziglang"];
    let is_installed = Program::new(&python)
        .args(module)
        .arg("version")
        .run()
        .is_ok();
    is_installed.then(|| (python, module.to_vec()))
}

fn objects(workshop: &Workshop<'_>) -> PathBuf {
    workshop.build.join("objects")
}

/// Whether a clang has a library for WebAssembly. It prints the name alone if it does not find the
/// file.
fn has_library(clang: &Path, library: &str) -> bool {
    let option = format!("-print-file-name={library}");
    let found = Program::new(clang)
        .arg("--target=wasm32-wasi")
        .arg(option)
        .run();
    found.is_ok_and(|path| Path::new(path.trim()).is_file())
}
