export const helpers = 1;
