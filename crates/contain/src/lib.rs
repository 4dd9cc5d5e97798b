//! What a child process may access and use: a policy, and the kernel's layers that enforce it.
//!
//! A [`Policy`] is plain data. [`Cage::build`] turns it into descriptors and filters before the fork,
//! and [`Cage::enter`] makes system calls only, so that it may run between fork and exec. Starting
//! programs is `ffmpeg`'s; what each of them needs is said where it is started.

mod cage;
mod disk;
mod environment;
mod filter;
mod installation;
mod layers;
mod places;
mod policy;
mod rules;

pub use cage::Cage;
pub use disk::free_bytes;
pub use environment::{KEPT, kept};
pub use layers::{Containment, Layers};
pub use policy::{Devices, Limits, Network, Policy, Processes};
