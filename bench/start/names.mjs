/** The queues of the benchmark. @param {number} count @returns {string[]} */
export const queueNames = (count) => Array.from({ length: count }, (_, index) => `bench-start-${index}`);
