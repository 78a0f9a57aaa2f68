//! Writes all hostile guests into a folder, to be dropped into a host by hand: `cargo run -p
//! hookyard-hostile --example write -- <folder>`.

use std::fs;
use std::io::Result;
use std::path::PathBuf;

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .map_or_else(|| ".".into(), Into::into);
    fs::create_dir_all(&folder)?;
    let running = hookyard_hostile::running()
        .into_iter()
        .map(|guest| (guest.name, guest.component));
    let refused = hookyard_hostile::refused()
        .into_iter()
        .map(|refused| (refused.name, refused.file));
    let unstartable = hookyard_hostile::unstartable()
        .into_iter()
        .map(|refused| (refused.name, refused.file));
    for (name, file) in running
        .chain(refused)
        .chain(unstartable)
        .chain([("good", hookyard_hostile::good())])
    {
        fs::write(folder.join(format!("{name}.wasm")), file)?;
    }
    Ok(())
}
