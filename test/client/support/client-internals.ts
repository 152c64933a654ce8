/** Internals of the client that its specs inspect and users cannot reach. */
export { endpointOf } from '../../../lib/client/channel/channel.js';
export { connectionEndpointOf } from '../../../lib/client/connection/connection.js';
