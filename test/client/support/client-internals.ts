/** What specs of the client look at and users cannot reach. */
export { endpointOf } from '../../../lib/client/channel/channel.js';
export { connectionEndpointOf } from '../../../lib/client/connection/connection.js';
