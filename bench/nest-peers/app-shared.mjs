import { golevelupApp } from './golevelup-app.mjs';

/** golevelup's default: one channel for all consumers. */
export default golevelupApp({ ownChannels: false });
