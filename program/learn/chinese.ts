/**
 * The lesson in Chinese.
 * @module
 */
import type { Words } from "./words.ts";

/** The texts. The names of states and labels are those of the live page, which is in English. */
export const CHINESE: Words = {
  steps: [
    {
      title: "一个请求的代价",
      about:
        "服务器睡在 epoll_wait(2) 里，没有任何开销。随后一个客户端在同一个连接上发来两个请求。下面出现的每一行是事件循环的一轮：等待的结果、为这个连接做的系统调用，以及这一轮结束后连接停在哪个状态。",
      look: [
        "accept4、recv、handler、send 都在同一轮里，因为请求是和客户端一起到的。之后才用 epoll_ctl ADD 登记这个连接，整个连接期间只登记这一次。",
        "第二个请求只要三次调用：epoll_wait、recv、send。最后 recv = 0 表示客户端关闭了连接。",
        "方框是连接的各个状态，粗线的是它经过的状态，框里是它在那里等了多久。reading 和 writing 下面没有时间：什么都不用等。",
        "实时页面：一共 2 个请求，poller 是 epoll-edge。",
      ],
    },
    {
      title: "没有多路复用：一遍遍地试每个套接字",
      about:
        "套接字上的调用都不阻塞，所以循环可以轮流对监听套接字试 accept，对每个客户端试 recv，永远试下去。结果几乎总是 EAGAIN：现在没有数据。",
      look: [
        "什么都没发生的一秒，也要占满一个处理器，做成千上万次系统调用。别的步骤里几乎为零。",
        "没有哪一轮以等待开头。客户端照样得到响应。",
        "实时页面：没有任何客户端，CPU 却接近一个处理器的 100 %，除非别的程序也在抢。",
      ],
    },
    {
      title: "select：一次调用等所有套接字",
      about:
        "select(2) 一直睡到某个套接字就绪。它接收一个位集合，小于第一个参数的每个描述符占一位，每次调用都要把它从头看到尾。集合只有 1,024 位，客户端的上限就在这里。下面的命令先连上 50 个只发半个请求的客户端，再发一个完整的请求。",
      look: [
        "发来完整请求的那个连接，关闭它的那一轮以 select(79) = 1 或相近的数开头：79 位被复制进内核、从头看到尾、再复制回来，其中置了一位，循环还得自己去找是哪一位。",
        "处理器又空闲了：没有请求的一秒几乎没有开销。",
        "实时页面：50 个连接处于 reading，持续三秒。然后命令结束，连接关闭。",
      ],
    },
    {
      title: "poll：用列表代替集合",
      about:
        "poll(2) 接收一个描述符的列表，每一项写明等什么。没有 1,024 的上限，列表里也只有被监视的描述符。但每次调用仍然要复制、查看整个列表。",
      look: [
        "同样是那一轮，以 poll(54) = 1 或相近的数开头：51 个客户端、两个监听套接字、循环自己的一个描述符，共 54 项。有 10,000 个客户端时，每个请求就是 10,000 项。",
        "实时页面：又是 50 个连接处于 reading，poller 是 poll。",
      ],
    },
    {
      title: "epoll，水平触发：列表由内核保管",
      about:
        "epoll_ctl(2) 把套接字登记一次。有数据到达时内核会记下来，epoll_wait(2) 只返回就绪的套接字。水平触发的意思是：只要还有数据没取完，每次等待都会再报告一次。这里回显 50,000 字节，每轮 16,384 字节，好让其他客户端也轮得到。",
      look: [
        "有数据的每一轮都以 epoll_wait = 1 开头。只要还有数据，这个套接字就会被报告：如果第一次时 50,000 字节已经全部到达，就是四次。",
        "命令打印 50000：所有字节都回来了。",
        "实时页面：发送了 50.0 KB，poller 是 epoll-level。",
      ],
    },
    {
      title: "epoll，边缘触发：每次变化只说一次",
      about:
        "同样的字节，换成边缘触发：数据到了，内核只报告一次，剩下没取的不会再报告。所以程序得到通知后，要么一直接收到 EAGAIN，要么记住自己还没有取完。",
      look: [
        "有几轮 epoll_wait = 0，却照样收到数据：循环记得这个套接字还没有读完。忘了这一点的程序会永远等下去，尽管数据就在套接字里。",
        "recv = EAGAIN 才算到头：从这时起，内核会报告下一次变化。",
        "实时页面：同样发送了 50.0 KB，poller 是 epoll-edge。",
      ],
    },
    {
      title: "协程在等，循环不等",
      about:
        "现在每个连接是一个 async 函数，读、await、写，好像自己占着一个线程。每到 await，它就把线程让出来。页面 /slow 会 await 一个一秒的定时器，这期间另一个客户端来了。",
      look: [
        "快的请求先得到响应。它的全部经过，都落在另一个请求处于 handling 的那一秒里。",
        "慢的那个连接，handling 下面是 1.0 s：等的是它的函数，不是循环。",
        "实时页面：有一个连接处于 handling，持续一秒；一共 2 个请求。",
      ],
    },
    {
      title: "不读数据的客户端",
      about:
        "客户端请求 32 MB，却一个字节也不读。send(2) 把两端套接字的缓冲区填满之后，返回 EAGAIN。此后由 epoll 等套接字可写。剩下的部分服务器不另存副本，其他客户端也察觉不到。",
      look: [
        "send = EAGAIN，然后在 writing 停三秒。服务器每半秒查一次（ioctl）客户端有没有取走数据：30 秒什么都不取的会被断开。",
        "之后客户端没有读就走了：send = ECONNRESET 或 EPIPE，连接关闭。",
        "实时页面：一个连接处于 writing，CPU 几乎为零。",
      ],
    },
    {
      title: "200 个发不完请求的客户端，和一个期限",
      about:
        "200 个客户端各发一个请求的第一行，就不再说话。每个只占一个描述符和一点内存，不占线程。这里请求必须在 5 秒内发完（--head-timeout），所以不说话的客户端不会一直占着。",
      look: [
        "发来完整请求的那个连接，来去都在另外 200 个连接开着的时候。关闭它的那一轮仍以 epoll_wait = 1 开头，和第一步一样：等待的代价取决于有多少就绪，而不是监视了多少。可以和第 3、4 步的 79 位、54 项比一比。",
        "5 秒后期限到了：epoll_wait = 0，send 出去的是 408 响应。命令会打印它的第一行。",
        "实时页面：200 个连接处于 reading；之后全部消失，responses 里有 408: 200。",
      ],
    },
    {
      title: "io_uring：放在环里的请求",
      about:
        "io_uring 和内核共享两个环：要做的事放进一个，做完的从另一个取出。这个 poller 用它来等就绪，提交和等待合成一次调用 io_uring_enter。服务器的其余部分不变。",
      look: [
        "和第一步比较：每一轮以 io_uring_enter 开头，登记连接也不再用 epoll_ctl。它的结果是提交了几个请求；哪些就绪写在环里，读它不用系统调用。",
        "实时页面：一共 2 个请求，poller 是 io-uring。",
      ],
    },
  ],
  heading: (number, count, title) => `第 ${number} 步，共 ${count} 步：${title}`,
  tryThis: "在另一个终端里试试：",
  lookFor: "看什么：",
  places: ({ adminPort }, command) => [
    `实时页面：http://127.0.0.1:${adminPort}/`,
    ...command === null ? [] : [`不用教程，单独启动：${command}`],
  ],
  keys: (count) => `回车：下一步。b：上一步。1 到 ${count}：跳到那一步。q：退出。`,
  quiet: (systemCalls, cpuShare) =>
    `没有客户端的一秒：${systemCalls.toLocaleString("en")} 次系统调用，占一个处理器的 ${
      Math.round(cpuShare * 100)
    } %。`,
  connection: (number, fd, isContinued) => `连接 ${number}，描述符 ${fd}${isContinued ? "（续）" : ""}`,
  more: (count, states) => `另有 ${count.toLocaleString("en")} 个连接：${states}`,
  noPoller: (poller, reason, instead) =>
    reason === null
      ? `这个程序没有 ${poller} 这个 poller，这一步看不到新东西：服务器用 ${instead} 运行。`
      : `这个系统不允许 ${poller}（${reason}），这一步看不到新东西：服务器用 ${instead} 运行。`,
  unknown: (line, count) => `没有“${line}”这一步：按回车，或输入 b、q、1 到 ${count} 的数字。`,
  end:
    "到此结束。接着可以读 docs/ 里的 understand.zh-CN.md、inside-epoll.zh-CN.md、io-models.zh-CN.md 和 mistakes.zh-CN.md。",
};
