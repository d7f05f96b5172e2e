export const fourth = 1;
