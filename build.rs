//! Packs the manifests in `tools/`, of which most homes read one or two, and what the site's pages share: the largest texts of
//! the program.
//! And takes out of the released program what only unwinding would read.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script everything through the environment")]

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::DeflateEncoder};

/// What browsers fetch beside a page.
const SITE: [&str; 2] = ["style.css", "passkey.js"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("there is no `OUT_DIR`; cargo sets it")?);
    pack(&out)?;
    if profile_aborts() && linker_is_the_default() {
        drop_unwind_tables(&out)?;
    }
    Ok(())
}

fn pack(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=tools");
    let manifests =
        fs::read_dir("tools")?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let manifests = manifests.into_iter().filter(|path| path.extension() == Some(OsStr::new("toml")));
    let of_site = SITE.iter().map(|name| Path::new("src/web/templates").join(name));
    for path in manifests.chain(of_site) {
        println!("cargo::rerun-if-changed={}", path.display());
        let mut name = path.file_name().ok_or("a text has no name")?.to_owned();
        name.push(".deflate");
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&fs::read(&path)?)?;
        fs::write(out.join(name), packed.finish()?)?;
    }
    Ok(())
}

/// `[profile.release]` says `panic = "abort"`: nothing unwinds.
fn profile_aborts() -> bool {
    env::var("PROFILE").is_ok_and(|profile| profile == "release")
}

/// Tried with the linkers that this target comes with: LLD, as rustup's toolchain has it, and GNU ld.
fn linker_is_the_default() -> bool {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu")
        && env::var_os("RUSTC_LINKER").is_none()
        && !flags.contains("link")
}

/// A tenth of the program is tables that say how to unwind each function. The compiler has a flag against them, which a
/// package cannot set.
fn drop_unwind_tables(out: &Path) -> Result<(), Box<dyn Error>> {
    let script = out.join("no-unwind-tables.ld");
    fs::write(
        &script,
        "SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table*) } } INSERT AFTER .text;\n",
    )?;
    println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    if is_lld()? {
        // functions that came out the same are one: 230 KB. GNU ld does not know how
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
    Ok(())
}

/// Does the toolchain bring the linker that it takes by itself? One of a distribution goes by the system's.
fn is_lld() -> Result<bool, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").ok_or("there is no `RUSTC`; cargo sets it")?;
    let printed = Command::new(rustc).args(["--print", "target-libdir"]).output()?.stdout;
    Ok(Path::new(String::from_utf8(printed)?.trim()).with_file_name("bin").join("gcc-ld/ld.lld").exists())
}
