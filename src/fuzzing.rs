//! The parsers of input from strangers, for the fuzz targets in `fuzz/`. These are the functions
//! that the server itself runs. Other programs do not need them.

pub use crate::extractors::body::check as check_body;
pub use crate::middleware::proxy::identify_caller;
pub use crate::transport::callback::CALLBACK;
pub use crate::transport::client_frames::{ClientFrame, ClientFrameParser};
pub use crate::transport::listen_request::parse_conn_id;
pub use crate::transport::position::{
    decode as decode_position, encode as encode_position, parse_request as parse_position,
};
pub use crate::transport::socket_io::packet::{ClientPacket, parse as parse_packet};

#[cfg(all(feature = "planted-faults", not(debug_assertions)))]
compile_error!("the feature planted-faults is for the fuzz targets; a release must not have it");
