//! `cargo throughput` measures the whole host side by side with floors: servers that were written
//! by hand for the same work.
//!
//! Servers and the load generator run on processors of their own. A measurement counts until the
//! last accepted event is settled, and compares slices that follow each other within a second.

mod arguments;
mod machine;

mod order;
mod requests;
mod generator;
mod floor;

mod server;
mod slice;
mod spread;

mod table;
mod growth;
mod page;

use std::path::Path;

use anyhow::Result;
use arguments::{Arguments, Task};
use hookyard_testkit::workspace;
use machine::Processors;
use serde::Serialize;

fn main() -> Result<()> {
    match arguments::parse(std::env::args().skip(1))? {
        Task::Floor { folder, is_durable } => floor::serve(Path::new(&folder), is_durable),
        Task::Help => {
            println!("{}", arguments::USAGE);
            Ok(())
        }
        Task::Table(arguments) => table(&arguments),
        Task::Growth(arguments) => growth(&arguments),
    }
}

fn table(arguments: &Arguments) -> Result<()> {
    let processors = prepare(arguments)?;
    let table = table::measure(arguments, &processors)?;
    println!("{}", table.text());
    write_json(&table, arguments)?;

    if is_update() {
        page::replace("table", &table.text())?;
    }
    Ok(())
}

fn growth(arguments: &Arguments) -> Result<()> {
    prepare(arguments)?;
    let growth = growth::measure(arguments)?;
    println!("{}", growth.text());
    write_json(&growth, arguments)?;

    if is_update() {
        growth.draw(&workspace::root().join("docs/performance"))?;
        page::replace("plots", &growth.captions())?;
    }
    Ok(())
}

fn prepare(arguments: &Arguments) -> Result<Processors> {
    machine::raise_open_files()?;
    Processors::divide(arguments.cores)
}

fn write_json(measured: &impl Serialize, arguments: &Arguments) -> Result<()> {
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(measured)?)?;
    }
    Ok(())
}

/// Returns whether the results replace those in `docs/`.
fn is_update() -> bool {
    std::env::var_os("UPDATE").is_some()
}
