/** The names that pages of the original import from `/static/channelstream/index.js`, and those of this client. */
export { ChannelStreamConnection, RequestError } from './channelstream.js';
export { ChannelStreamSigner } from './signer.js';
