/** The version that client and broker tell each other in their properties (sections 1.4.2.1.1 and 1.4.2.2.1): that of package.json. */
export const PRODUCT_VERSION = '0.1.0';
