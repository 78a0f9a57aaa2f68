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
mod table;

use std::path::Path;

use anyhow::Result;
use arguments::{Arguments, Task};

fn main() -> Result<()> {
    match arguments::parse(std::env::args().skip(1))? {
        Task::Floor { folder, is_durable } => floor::serve(Path::new(&folder), is_durable),
        Task::Table(arguments) => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    machine::raise_open_files()?;
    let processors = machine::Processors::divide(arguments.cores)?;
    let table = table::measure(arguments, &processors)?;
    println!("{}", table.text());
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&table)?)?;
    }
    Ok(())
}
