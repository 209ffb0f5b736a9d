using System.Diagnostics;
using Vae.Benchmarks.Compress;
using Vae.Data.Idx;
using Vae.Models.Compression;

// usage: compressrate rate|time MODEL IMAGES     MODEL: a folder; IMAGES: an IDX file, of black and white images where the model is one of bits
if (args is not [var mode, var folder, var file])
{
    Console.Error.WriteLine("usage: compressrate rate|time MODEL IMAGES");
    return 2;
}

var model = CodingModel.Load(folder);
var pixels = IdxReader.Read(file, file, 3, 4).Values;
if (mode == "rate") Rates.Print(model, pixels);
else Times.Print(model, folder, pixels);
return 0;

namespace Vae.Benchmarks.Compress
{
    /// <summary>Length against precision, and what the start of a block costs.</summary>
    internal static class Rates
    {
        private const int BitsPerByte = 8;

        public static void Print(CodingModel model, byte[] pixels)
        {
            var options = new CompressionOptions { BlockImages = VazeHeader.BlockImagesMax };
            var images = pixels.Length / model.Image.Values;
            var seeds = Enumerable.Range(1, 16).Select(seed => (ulong)seed).ToArray();
            var bounds = seeds.Select(seed => ImageCompressor.Bound(model, pixels, options with { Seed = seed }) * images / Math.Log(2) / pixels.Length).ToArray();
            var bound = bounds.Average();
            Console.WriteLine($"Bound {bound:F5} bits per pixel (mean of {seeds.Length} draws, from {bounds.Min():F5} to {bounds.Max():F5}). One block; header and start of the block are left out.\n");
            Console.WriteLine("| bits of a bin | of a posterior | of a probability | bits per pixel | over the bound | start of a block in bits |\n| ---: | ---: | ---: | ---: | ---: | ---: |");
            (int Bin, int Posterior, int Likelihood)[] grid = model.Values == CodedValues.Bits
                ? [(8, 14, 12), (8, 24, 16), (10, 16, 16), (10, 20, 16), (10, 24, 12), (10, 24, 16), (10, 24, 20), (12, 24, 16), (14, 24, 16)]
                : [(8, 24, 24), (10, 20, 24), (10, 24, 16), (10, 24, 20), (10, 24, 24), (12, 24, 24), (14, 24, 24)];
            foreach (var (bin, posterior, likelihood) in grid)
            {
                var coded = seeds.Select(seed => ImageCompressor.Compress(model, pixels, options with { Seed = seed, Precision = new CodingPrecision(bin, posterior, likelihood) })).ToArray();
                var rate = coded.Average(one => ((double)one.Blocks.Sum(block => block.Length) * BitsPerByte) - one.BorrowedBits) / pixels.Length;
                Console.WriteLine($"| {bin} | {posterior} | {likelihood} | {rate:F5} | {(rate / bound) - 1:P2} | {coded.Average(one => one.BorrowedBits):F0} |");
            }
        }
    }

    /// <summary>Time of an image by what it is spent on, one thread.</summary>
    internal static class Times
    {
        private const int Rounds = 5;

        public static void Print(CodingModel model, string folder, byte[] pixels)
        {
            var values = model.Image.Values;
            var images = Math.Min(1_000, pixels.Length / values);
            var coded = new byte[images * values];
            for (var i = 0; i < coded.Length; i++) coded[i] = model.Values == CodedValues.Levels ? pixels[i] : pixels[i] != 0 ? (byte)1 : (byte)0;
            var network = model.CreateNetwork();
            var (mean, deviation) = (new double[network.Latent], new double[network.Latent]);
            var (z, parameters) = (new float[network.Latent], new float[values]);
            var whole = new CompressionOptions { Threads = 1 };
            var some = pixels.AsMemory(0, images * values);
            for (var i = 0; i < 5; i++) ImageCompressor.Compress(model, some, whole); // Until all of it is compiled for speed.
            Console.WriteLine("| one thread, microseconds for each image | |\n| --- | ---: |");
            Tell("posterior, own arithmetic", Best(images, image => network.Posterior(coded.AsSpan(image * values, values), mean, deviation)));
            Tell("likelihood, own arithmetic", Best(images, image =>
            {
                for (var j = 0; j < z.Length; j++) z[j] = (float)mean[j] + (image * 1e-4f);
                network.Likelihood(z, parameters);
            }));
            var precision = CodingPrecision.Default(model.Values);
            var bins = new LatentBins(precision.Bin, precision.Posterior);
            var coder = model.CreateObservations(precision.Likelihood);
            Tell("stack: latents, popped and pushed", Best(images, _ =>
            {
                var stack = new AnsStack(1);
                for (var j = 0; j < z.Length; j++) stack.PushUniform((uint)bins.Pop(stack, mean[j], deviation[j]), bins.Bits);
            }));
            Tell("stack: pixels, pushed", Best(images, image => coder.Push(new AnsStack(1), parameters, coded.AsSpan(image * values, values))));
            Tell("all of compressing", Best(1, _ => ImageCompressor.Compress(model, some, whole)) / images);
            var file = ImageCompressor.Compress(model, some, whole).ToArray();
            Tell("all of decompressing", Best(1, _ => ImageDecompressor.Decompress(model, file, "file", threads: 1)) / images);
            TorchTimes.Print(folder, coded, model.Values == CodedValues.Levels ? byte.MaxValue : 1, images, Tell);
        }

        /// <summary>Best of some rounds, in microseconds for each call.</summary>
        public static double Best(int calls, Action<int> call)
        {
            var best = double.MaxValue;
            for (var round = 0; round < Rounds; round++)
            {
                var watch = Stopwatch.StartNew();
                for (var i = 0; i < calls; i++) call(i);
                best = Math.Min(best, watch.Elapsed.TotalMicroseconds / calls);
            }

            return best;
        }

        private static void Tell(string what, double microseconds) => Console.WriteLine($"| {what} | {microseconds:F1} |");
    }
}
