import { golevelupApp } from './golevelup-app.mjs';

/** A channel for each consumer, as ours have. */
export default golevelupApp({ ownChannels: true });
