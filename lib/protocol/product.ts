/**
 * The version in the properties that client and broker send each other (sections 1.4.2.1.1 and 1.4.2.2.1); equal to
 * that of package.json.
 */
export const PRODUCT_VERSION = '0.1.0';
