//! Makes components from core modules that carry their component types.
