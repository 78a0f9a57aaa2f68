//! `judge` over every form of address that has ever been a way in.
