//! `cargo throughput --quick` with the host of this checkout. The tests check that everything works
//! and that the counts agree, not how long anything takes.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Runs the command, and returns the values that it measured.
fn quick(arguments: &[&str]) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let json = folder.path().join("measured.json");
    let output = Command::new(env!("CARGO_BIN_EXE_throughput"))
        .args(arguments)
        .args(["--quick", "--json"])
        .arg(&json)
        .env_remove("UPDATE")
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    serde_json::from_slice(&std::fs::read(json)?).context("the file is not JSON")
}

fn requests(slice: &Value) -> u64 {
    slice["requests"].as_u64().unwrap_or_default()
}

#[test]
fn quick_table_has_every_subject() -> Result<()> {
    let table = quick(&[])?;
    let trios = table["trios"].as_array().context("no slices")?;
    assert_eq!(trios.len(), 4 * 3, "four subjects under three loads");
    for trio in trios {
        for contender in ["native", "durable", "slice"] {
            assert!(requests(&trio[contender]) > 0, "{trio}");
        }
    }
    Ok(())
}

#[test]
fn quick_growth_has_points() -> Result<()> {
    let growth = quick(&["growth", "--only", "plugins,body"])?;
    let curves = growth["curves"].as_array().context("no curves")?;
    assert_eq!(curves.len(), 2);
    for point in curves
        .iter()
        .flat_map(|curve| curve["points"].as_array())
        .flatten()
    {
        assert!(requests(&point["full"][0]) > 0, "{point}");
        assert!(requests(&point["half"][0]) > 0, "{point}");
    }
    Ok(())
}
