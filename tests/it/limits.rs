//! Limits: what is just within one is done, and what is just beyond it is refused with an answer
//! that names the limit, the setting and what was found.

mod addresses;
mod calls;
mod frames;
mod memory;
mod panels;
mod population;
