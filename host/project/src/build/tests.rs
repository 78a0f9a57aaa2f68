//! Tests of the way from a folder to a component.
