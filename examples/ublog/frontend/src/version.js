// The image build replaces this file with the version that it builds.
export const version = "dev";
