/**
 * The names that pages of the original import from `/static/channelstream/index.js`, and those that
 * only this client has.
 */
export { ChannelStreamConnection, RequestError } from './channelstream.js';
export { ChannelStreamSigner } from './signer.js';
