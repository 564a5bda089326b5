export const title = "Wiki"
