//! Packs the manifests in `tools/`, of which most homes read one or two, and what the site's pages share: the largest texts of
//! the program.
//! And says how the released program is linked: without what only unwinding would read, and so that little of it is in memory.

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
        // GNU ld knows none of the rest
        if is_lld()? {
            // functions that came out the same are one: 230 KB
            println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
            order_functions()?;
            pack_relocations()?;
            keep_the_unwinder();
        }
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
    Ok(())
}

/// Puts the functions that a shim runs side by side. The kernel maps sixteen pages of a file around the one that is wanted: of
/// functions that lie everywhere, a shim had most of the program in its memory (`tests/shim-order`).
fn order_functions() -> Result<(), Box<dyn Error>> {
    let order = env::current_dir()?.join("src/cli/shim.order");
    println!("cargo::rerun-if-changed={}", order.display());
    println!("cargo::rustc-link-arg-bins=-Wl,--symbol-ordering-file={}", order.display());
    println!("cargo::rustc-link-arg-bins=-Wl,--no-warn-symbol-ordering");
    Ok(())
}

/// Where the program lies in memory is drawn at each start, and 32,000 addresses in it with that: 750 KB that say where they
/// are, 15 KB in the packed form (`DT_RELR`), which glibc reads from 2.36 on (its NEWS). A program that older systems shall start
/// is built on one, or with `AGENTPORT_PORTABLE=1`.
fn pack_relocations() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=AGENTPORT_PORTABLE");
    let is_native = env::var("HOST")? == env::var("TARGET")?;
    if is_native && env::var_os("AGENTPORT_PORTABLE").is_none() && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// Takes what the standard library asks of GCC's unwinder from its archive, where there is one: a shared library less to look for
/// at each start.
fn keep_the_unwinder() {
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    // without one it prints the name as it was given
    if found.is_ok_and(|found| found.stdout.starts_with(b"/")) {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// The version of this system's C library, if it is glibc.
fn glibc() -> Option<(u32, u32)> {
    let printed = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
    let printed = String::from_utf8(printed).ok()?;
    let (major, minor) = printed.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

/// Does the toolchain bring the linker that it takes by itself? One of a distribution goes by the system's.
fn is_lld() -> Result<bool, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").ok_or("there is no `RUSTC`; cargo sets it")?;
    let printed = Command::new(rustc).args(["--print", "target-libdir"]).output()?.stdout;
    Ok(Path::new(String::from_utf8(printed)?.trim()).with_file_name("bin").join("gcc-ld/ld.lld").exists())
}
