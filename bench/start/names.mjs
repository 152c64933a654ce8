/** Returns the names of the benchmark's queues. @param {number} count @returns {string[]} */
export const queueNames = (count) => Array.from({ length: count }, (_, index) => `bench-start-${index}`);
