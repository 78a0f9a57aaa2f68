//! The inbox in memory: for tests, and the plainest reading of the contract. Nothing in it outlives the process.
