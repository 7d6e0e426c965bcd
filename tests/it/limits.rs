//! Tests of limits. A call just within a limit is done. A call just beyond it is refused with an
//! answer that names the limit, the setting and the value found.

mod addresses;
mod calls;
mod frames;
mod memory;
mod panels;
mod population;
